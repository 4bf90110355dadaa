// Operators that compute: element by element, matrix products, normalisation, reductions.
import { type ElementType, GraphError, ONNX_ELEMENT_TYPES, type Value } from "./graph.ts";
import { broadcastShapes, broadcastTo, matMulShape, normalizeAxis, reduceShape } from "./shapes.ts";
import { single } from "./single-output.ts";

function binary(op: string, a: Value, b: Value | number, type?: ElementType): Value {
  const right = typeof b === "number" ? (a.type === "int64" ? a.graph.ints(b) : a.graph.floats(b)) : b;
  if (a.type !== right.type) throw new GraphError(`${op} of ${a.type} and ${right.type}`);
  return single(op, [a, right], broadcastShapes(a.shape, right.shape), type ?? a.type);
}

const unary = (op: string) => (x: Value) => single(op, [x], x.shape, x.type);

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

export function cast(x: Value, type: ElementType): Value {
  return single("Cast", [x], x.shape, type, { to: ONNX_ELEMENT_TYPES[type] });
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
  return single("FusedMatMul", [a, b], shape, "float32", attributes, "com.microsoft");
}

/** `x [N, in] · weight + bias [out]` with `weight` `[in, out]`, or `[out, in]` when `transposeWeight`. */
export function linear(x: Value, weight: Value, bias?: Value, transposeWeight = false): Value {
  if (x.shape.length !== 2) throw new GraphError(`linear takes rows [N, in], got [${x.shape}]`);
  const shape = matMulShape(x.shape, weight.shape, false, transposeWeight);
  if (bias) broadcastTo(bias.shape, shape);
  return single("Gemm", bias ? [x, weight, bias] : [x, weight], shape, "float32", {
    alpha: { float: 1 },
    beta: { float: 1 },
    transA: 0,
    transB: Number(transposeWeight),
  });
}

export function softmax(x: Value, axis = -1): Value {
  return single("Softmax", [x], x.shape, "float32", { axis });
}

/** Layer normalisation over the last axis (Ba et al. 2016). The saved mean and 1/σ serve the gradient. */
export function layerNorm(x: Value, scale: Value, bias: Value, epsilon = 1e-5): Value {
  for (const { shape } of [scale, bias]) broadcastTo(shape, x.shape.slice(-1));
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

export function where(condition: Value, a: Value, b: Value): Value {
  const types = [condition.type, a.type, b.type];
  if (condition.type !== "bool" || a.type !== b.type) throw new GraphError(`Where of ${types.join(", ")}`);
  const shape = broadcastShapes(broadcastShapes(condition.shape, a.shape), b.shape);
  return single("Where", [condition, a, b], shape, a.type);
}

function reduce(op: string, x: Value, axes: readonly number[], keepDims: boolean): Value {
  const positive = axes.map((axis) => normalizeAxis(axis, x.shape.length));
  if (positive.length === 0) return x; // ONNX would take an empty list for all axes
  const shape = reduceShape(x.shape, positive, keepDims);
  return single(op, [x, x.graph.ints(positive)], shape, x.type, { keepdims: Number(keepDims) });
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
  return single("ReduceSumSquare", [x, x.graph.ints(x.shape.map((_, axis) => axis))], [], "float32", { keepdims: 0 });
}

export function argMax(x: Value, axis = -1): Value {
  const at = normalizeAxis(axis, x.shape.length);
  return single(
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
