// Operators: each builds one ONNX node and infers its output's shape.
import { type Dim, type ElementType, GraphError, type Shape, type Subgraph, type Value } from "./graph.ts";
import {
  broadcastShapes,
  broadcastTo,
  matMulShape,
  normalizeAxis,
  reduceShape,
  sizeIfKnown,
  sliceLength,
} from "./shapes.ts";

/** Operators that have a gradient rule in gradients.ts. */
export type DifferentiableOp =
  | "Add"
  | "Sub"
  | "Mul"
  | "Div"
  | "Neg"
  | "Exp"
  | "Log"
  | "Sqrt"
  | "Relu"
  | "FusedMatMul"
  | "Gemm"
  | "Softmax"
  | "LayerNormalization"
  | "Gather"
  | "Reshape"
  | "Transpose"
  | "Concat"
  | "Slice"
  | "Expand"
  | "Where"
  | "ReduceSum"
  | "ReduceMean"
  | "Identity";

function one(
  op: string,
  inputs: readonly (Value | undefined)[],
  shape: Shape,
  type: ElementType,
  attributes: Parameters<Value["graph"]["node"]>[3] = {},
  domain: "" | "com.microsoft" = "",
): Value {
  const graph = inputs.find((input) => input !== undefined)?.graph;
  if (!graph) throw new GraphError(`${op} has no input`);
  return graph.node(op, inputs, [{ type, shape }], attributes, { domain })[0]!;
}

function binary(op: string, a: Value, b: Value | number, type?: ElementType): Value {
  const right = typeof b === "number" ? (a.type === "int64" ? a.graph.ints(b) : a.graph.floats(b)) : b;
  if (a.type !== right.type) throw new GraphError(`${op} of ${a.type} and ${right.type}`);
  return one(op, [a, right], broadcastShapes(a.shape, right.shape), type ?? a.type);
}

const unary = (op: string) => (x: Value) => one(op, [x], x.shape, x.type);

export const add = (a: Value, b: Value | number): Value => binary("Add", a, b);
export const sub = (a: Value, b: Value | number): Value => binary("Sub", a, b);
export const mul = (a: Value, b: Value | number): Value => binary("Mul", a, b);
export const div = (a: Value, b: Value | number): Value => binary("Div", a, b);
export const maximum = (a: Value, b: Value | number): Value => binary("Max", a, b);
export const minimum = (a: Value, b: Value | number): Value => binary("Min", a, b);
export const less = (a: Value, b: Value | number): Value => binary("Less", a, b, "bool");
export const lessOrEqual = (a: Value, b: Value | number): Value => binary("LessOrEqual", a, b, "bool");
export const equal = (a: Value, b: Value | number): Value => binary("Equal", a, b, "bool");
export const and = (a: Value, b: Value): Value => binary("And", a, b, "bool");
export const or = (a: Value, b: Value): Value => binary("Or", a, b, "bool");

export const not = unary("Not");
export const neg = unary("Neg");
export const exp = unary("Exp");
export const log = unary("Log");
export const sqrt = unary("Sqrt");
export const relu = unary("Relu");
export const sign = unary("Sign");
export const abs = unary("Abs");
export const round = unary("Round");
export const identity = unary("Identity");

const ONNX_TYPES: Record<ElementType, number> = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 };

export function cast(x: Value, type: ElementType): Value {
  return one("Cast", [x], x.shape, type, { to: ONNX_TYPES[type] });
}

/** `a · b` over the last two axes, either transposed without a copy; `scale` multiplies the product (FusedMatMul). */
export function matMul(
  a: Value,
  b: Value,
  options: { transposeLeft?: boolean; transposeRight?: boolean; scale?: number } = {},
): Value {
  const { transposeLeft = false, transposeRight = false, scale = 1 } = options;
  const shape = matMulShape(a.shape, b.shape, transposeLeft, transposeRight);
  const attributes = { transA: Number(transposeLeft), transB: Number(transposeRight), alpha: { float: scale } };
  return one("FusedMatMul", [a, b], shape, "float32", attributes, "com.microsoft");
}

/** `x [N, in] · weight + bias [out]` with `weight` `[in, out]`, or `[out, in]` when `transposeWeight`. */
export function linear(x: Value, weight: Value, bias?: Value, transposeWeight = false): Value {
  if (x.shape.length !== 2) throw new GraphError(`linear takes rows [N, in], got [${x.shape}]`);
  const shape = matMulShape(x.shape, weight.shape, false, transposeWeight);
  if (bias) broadcastTo(bias.shape, shape);
  return one("Gemm", bias ? [x, weight, bias] : [x, weight], shape, "float32", {
    alpha: { float: 1 },
    beta: { float: 1 },
    transA: 0,
    transB: Number(transposeWeight),
  });
}

export function softmax(x: Value, axis = -1): Value {
  return one("Softmax", [x], x.shape, "float32", { axis });
}

/** Layer normalisation over the last axis (Ba et al. 2016). The saved mean and 1/σ serve the gradient. */
export function layerNorm(x: Value, scale: Value, bias: Value, epsilon = 1e-5): Value {
  const statistics = [...x.shape.slice(0, -1), 1];
  return x.graph.node(
    "LayerNormalization",
    [x, scale, bias],
    [
      { type: "float32", shape: x.shape },
      { type: "float32", shape: statistics },
      { type: "float32", shape: statistics },
    ],
    { axis: -1, epsilon: { float: epsilon } },
  )[0]!;
}

/** Rows of `table` `[V, …]` chosen by `indices`: shape `[...indices, …]`. */
export function gather(table: Value, indices: Value, axis = 0): Value {
  const at = normalizeAxis(axis, table.shape.length);
  const shape = [...table.shape.slice(0, at), ...indices.shape, ...table.shape.slice(at + 1)];
  return one("Gather", [table, indices], shape, table.type, { axis: at });
}

/** One element of each position along `axis`: ONNX GatherElements. */
export function gatherElements(data: Value, indices: Value, axis = -1): Value {
  return one("GatherElements", [data, indices], indices.shape, data.type, {
    axis: normalizeAxis(axis, data.shape.length),
  });
}

/** `data` with `updates` added at `indices` along `axis`; equal indices add up. */
export function scatterElementsAdd(data: Value, indices: Value, updates: Value, axis = -1): Value {
  const attributes = { axis: normalizeAxis(axis, data.shape.length), reduction: "add" };
  return one("ScatterElements", [data, indices, updates], data.shape, data.type, attributes);
}

/** `data [V, …]` with rows `updates [N, …]` added at row numbers `indices [N, 1]`; equal rows add up. */
export function scatterRowsAdd(data: Value, indices: Value, updates: Value): Value {
  return one("ScatterND", [data, indices, updates], data.shape, data.type, { reduction: "add" });
}

/**
 * Reshapes to `shape`. `target` says how: a list with at most one -1 and 0 for "as it was", or an int64 value computed
 * in the graph where more than one dimension is a symbol.
 */
export function reshape(x: Value, shape: Shape, target?: readonly number[] | Value): Value {
  let to: Value;
  if (target === undefined) {
    const symbols = shape.filter((dim) => typeof dim === "string").length;
    if (symbols > 1) throw new GraphError(`reshape to [${shape}] has ${symbols} symbols: give the target`);
    to = x.graph.ints(shape.map((dim) => (typeof dim === "string" ? -1 : dim)));
  } else to = "graph" in target ? target : x.graph.ints(target);
  const [before, after] = [sizeIfKnown(x.shape), sizeIfKnown(shape)];
  if (before !== undefined && after !== undefined && before !== after) {
    throw new GraphError(`reshape of [${x.shape}] to [${shape}]: ${before} elements to ${after}`);
  }
  return one("Reshape", [x, to], shape, x.type);
}

export function transpose(x: Value, permutation: readonly number[]): Value {
  if (permutation.length !== x.shape.length || x.shape.some((_, axis) => !permutation.includes(axis))) {
    throw new GraphError(`[${permutation}] does not permute the axes of [${x.shape}]`);
  }
  return one(
    "Transpose",
    [x],
    permutation.map((axis) => x.shape[axis] as Dim),
    x.type,
    { perm: permutation },
  );
}

export function concat(values: readonly Value[], axis: number, dim?: Dim): Value {
  const first = values[0];
  if (!first) throw new GraphError("concat has no input");
  const at = normalizeAxis(axis, first.shape.length);
  for (const { shape } of values) {
    const fits =
      shape.length === first.shape.length && shape.every((item, index) => index === at || item === first.shape[index]);
    if (!fits) throw new GraphError(`concat of [${first.shape}] and [${shape}] along axis ${at}`);
  }
  const dims = values.map((value) => value.shape[at] as Dim);
  const total = dims.every((item) => typeof item === "number")
    ? (dims as number[]).reduce((sum, item) => sum + item, 0)
    : (dim ?? dims.join("+"));
  return one(
    "Concat",
    values,
    first.shape.map((item, index) => (index === at ? total : item)),
    first.type,
    { axis: at },
  );
}

/**
 * `x[start:end]` along one axis; the bounds are numbers or int64 values of shape [1]. Negative numbers count from the
 * end and numbers outside are cut, as ONNX does. `dim` is the resulting dimension, where it cannot be told from the bounds.
 */
export function slice(x: Value, axis: number, start: number | Value, end: number | Value, dim?: Dim): Value {
  const at = normalizeAxis(axis, x.shape.length);
  const bound = (value: number | Value) => (typeof value === "number" ? x.graph.ints([value]) : value);
  const length = dim ?? sliceLength(x.shape[at]!, start, end);
  if (length === undefined)
    throw new GraphError(`slice of [${x.shape}] along axis ${at} needs the resulting dimension`);
  const shape = x.shape.map((item, index) => (index === at ? length : item));
  return one("Slice", [x, bound(start), bound(end), x.graph.ints([at])], shape, x.type);
}

/** Splits the last axis into equal parts. */
export function splitLast(x: Value, parts: number): Value[] {
  const last = x.shape[x.shape.length - 1];
  if (typeof last !== "number" || last % parts !== 0) throw new GraphError(`[${x.shape}] does not split in ${parts}`);
  const shape = [...x.shape.slice(0, -1), last / parts];
  const outputs = Array.from({ length: parts }, () => ({ type: x.type, shape }));
  return x.graph.node("Split", [x], outputs, { axis: x.shape.length - 1, num_outputs: parts });
}

/** `x` broadcast to `shape`, whose sizes the int64 vector `target` holds. */
export function expand(x: Value, shape: Shape, target: Value): Value {
  broadcastTo(x.shape, shape);
  return one("Expand", [x, target], shape, x.type);
}

export function where(condition: Value, a: Value, b: Value): Value {
  if (condition.type !== "bool" || a.type !== b.type)
    throw new GraphError(`Where of ${condition.type}, ${a.type}, ${b.type}`);
  const shape = broadcastShapes(broadcastShapes(condition.shape, a.shape), b.shape);
  return one("Where", [condition, a, b], shape, a.type);
}

/** The sizes of `x` along `axes` as an int64 vector. */
export function shapeOf(x: Value, start = 0, end?: number): Value {
  const rank = (end ?? x.shape.length) - start;
  return one("Shape", [x], [rank], "int64", end === undefined ? { start } : { start, end });
}

export function range(start: Value | number, limit: Value, dim: Dim): Value {
  const from = typeof start === "number" ? limit.graph.ints(start) : start;
  return one("Range", [from, limit, limit.graph.ints(1)], [dim], "int64");
}

function reduce(op: string, x: Value, axes: readonly number[], keepDims: boolean): Value {
  const positive = axes.map((axis) => normalizeAxis(axis, x.shape.length));
  if (positive.length === 0) return x; // ONNX would take an empty list for all axes
  const shape = reduceShape(x.shape, positive, keepDims);
  return one(op, [x, x.graph.ints(positive)], shape, x.type, { keepdims: Number(keepDims) });
}

export const reduceSum = (x: Value, axes: readonly number[], keepDims = false): Value =>
  reduce("ReduceSum", x, axes, keepDims);
export const reduceMean = (x: Value, axes: readonly number[], keepDims = false): Value =>
  reduce("ReduceMean", x, axes, keepDims);
export const reduceMax = (x: Value, axes: readonly number[], keepDims = false): Value =>
  reduce("ReduceMax", x, axes, keepDims);

/** Sum over every element: a scalar. */
export function sumAll(x: Value): Value {
  return reduceSum(
    x,
    x.shape.map((_, axis) => axis),
  );
}

/** Sum of squares over every element: a scalar. */
export function sumOfSquares(x: Value): Value {
  return one("ReduceSumSquare", [x, x.graph.ints(x.shape.map((_, axis) => axis))], [], "float32", { keepdims: 0 });
}

export function argMax(x: Value, axis = -1): Value {
  const at = normalizeAxis(axis, x.shape.length);
  return one(
    "ArgMax",
    [x],
    x.shape.filter((_, index) => index !== at),
    "int64",
    { axis: at, keepdims: 0 },
  );
}

/** The `count` largest along the last axis, in falling order: values and their places. */
export function topK(x: Value, count: number): [Value, Value] {
  const shape = [...x.shape.slice(0, -1), count];
  const outputs = [
    { type: x.type, shape },
    { type: "int64" as const, shape },
  ];
  const [values, indices] = x.graph.node("TopK", [x, x.graph.ints([count])], outputs, {
    axis: -1,
    largest: 1,
    sorted: 1,
  });
  return [values!, indices!];
}

/** Zeros (or `value`) in the shape held by the int64 vector `target`. */
export function filled(target: Value, shape: Shape, value = 0): Value {
  return expand(target.graph.floats(value), shape, target);
}

/**
 * ONNX Scan over axis 0: `body` has the states first, then one slice of each scanned input; its outputs are the next
 * states, then one slice of each scanned output.
 */
export function scan(
  body: Subgraph,
  states: readonly Value[],
  scanned: readonly Value[],
  outputs: readonly { type: ElementType; shape: Shape }[],
  reverse = false,
): Value[] {
  const flags = (count: number) => Array.from({ length: count }, () => Number(reverse));
  return states[0]!.graph.node("Scan", [...states, ...scanned], outputs, {
    body,
    num_scan_inputs: scanned.length,
    scan_input_directions: flags(scanned.length),
    scan_output_directions: flags(outputs.length - states.length),
  });
}
