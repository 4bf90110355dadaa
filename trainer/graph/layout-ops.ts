// Operators that move values and change shapes.
import { type Dim, GraphError, type Shape, type Value } from "./graph.ts";
import { broadcastTo, normalizeAxis, sizeIfKnown, sliceLength } from "./shapes.ts";
import { single } from "./single-output.ts";

/** Rows of `table` `[V, …]` chosen by `indices`: shape `[...indices, …]`. */
export function gather(table: Value, indices: Value, axis = 0): Value {
  const at = normalizeAxis(axis, table.shape.length);
  const shape = [...table.shape.slice(0, at), ...indices.shape, ...table.shape.slice(at + 1)];
  return single("Gather", [table, indices], shape, table.type, { axis: at });
}

/** One element of each position along `axis`: ONNX GatherElements. */
export function gatherElements(data: Value, indices: Value, axis = -1): Value {
  return single("GatherElements", [data, indices], indices.shape, data.type, {
    axis: normalizeAxis(axis, data.shape.length),
  });
}

/** `data` with `updates` added at `indices` along `axis`; equal indices add up. */
export function scatterElementsAdd(data: Value, indices: Value, updates: Value, axis = -1): Value {
  const attributes = { axis: normalizeAxis(axis, data.shape.length), reduction: "add" };
  return single("ScatterElements", [data, indices, updates], data.shape, data.type, attributes);
}

/** `data [V, …]` with rows `updates [N, …]` added at row numbers `indices [N, 1]`; equal rows add up. */
export function scatterRowsAdd(data: Value, indices: Value, updates: Value): Value {
  return single("ScatterND", [data, indices, updates], data.shape, data.type, { reduction: "add" });
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
  return single("Reshape", [x, to], shape, x.type);
}

export function transpose(x: Value, permutation: readonly number[]): Value {
  if (permutation.length !== x.shape.length || x.shape.some((_, axis) => !permutation.includes(axis))) {
    throw new GraphError(`[${permutation}] does not permute the axes of [${x.shape}]`);
  }
  return single(
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
  return single(
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
  return single("Slice", [x, bound(start), bound(end), x.graph.ints([at])], shape, x.type);
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
  return single("Expand", [x, target], shape, x.type);
}

/** The sizes of `x` along `axes` as an int64 vector. */
export function shapeOf(x: Value, start = 0, end?: number): Value {
  const rank = (end ?? x.shape.length) - start;
  return single("Shape", [x], [rank], "int64", end === undefined ? { start } : { start, end });
}

export function range(start: Value | number, limit: Value, dim: Dim): Value {
  const from = typeof start === "number" ? limit.graph.ints(start) : start;
  return single("Range", [from, limit, limit.graph.ints(1)], [dim], "int64");
}

/** Zeros (or `value`) in the shape held by the int64 vector `target`. */
export function filled(target: Value, shape: Shape, value = 0): Value {
  return expand(target.graph.floats(value), shape, target);
}
