// Test support: for every differentiable operator the graphs whose gradient is compared with central differences.
import type { ElementType, Graph, Shape, Value } from "./graph.ts";
import * as op from "./ops.ts";

/** An input of a case: its shape, the sizes where that has symbols, and how its values are drawn. */
export interface CaseInput {
  readonly shape: Shape;
  readonly dims?: readonly number[];
  /** "normal" keeps away from 0, where relu has a corner; "positive" lies between 0.5 and 2. */
  readonly values?: "normal" | "positive" | readonly number[];
  /** Inputs of other types have no gradient and need values. */
  readonly type?: ElementType;
}

export interface GradientCase {
  readonly inputs: Readonly<Record<string, CaseInput>>;
  readonly build: (values: Record<string, Value>, graph: Graph) => Value;
}

type Cases = Readonly<Record<string, GradientCase>>;
type Binary = (a: Value, b: Value) => Value;

const shaped = (...shape: number[]): CaseInput => ({ shape });
const symbolic = (shape: Shape, ...dims: number[]): CaseInput => ({ shape, dims });
const positive = (...shape: number[]): CaseInput => ({ shape, values: "positive" });
const ids = (values: readonly number[], shape: Shape, dims?: readonly number[]): CaseInput => ({
  shape,
  dims,
  values,
  type: "int64",
});

const unary = (build: (x: Value) => Value, x: CaseInput = shaped(2, 3)): GradientCase => ({
  inputs: { x },
  build: (v) => build(v.x!),
});

const binary = (build: Binary, a: CaseInput, b: CaseInput): GradientCase => ({
  inputs: { a, b },
  build: (v) => build(v.a!, v.b!),
});

/** Every way in which one side may be broadcast to the other; `right` makes the second input where it must not be 0. */
function broadcasts(build: Binary, right: (...shape: number[]) => CaseInput = shaped): Cases {
  return {
    "equal shapes": binary(build, shaped(2, 3), right(2, 3)),
    "a row added to a matrix": binary(build, shaped(2, 3), right(3)),
    "a matrix to a row": binary(build, shaped(3), right(2, 3)),
    "a column": binary(build, shaped(2, 3), right(2, 1)),
    "both stretched": binary(build, shaped(2, 1, 3), right(4, 1)),
    "a scalar": binary(build, shaped(2, 3), right()),
    "a leading and an inner axis at once": binary(build, shaped(2, 3, 2, 2), right(3, 1, 2)),
    "more than one symbol left after the sum": binary(build, symbolic(["B", "S", "T"], 2, 3, 2), {
      ...right(2, 2),
      shape: ["S", "T"],
      dims: [3, 2],
    }),
    "one value on both sides": { inputs: { a: right(2, 2) }, build: (v) => build(v.a!, v.a!) },
  };
}

/** All four transpositions of the two matrices. */
function transposed(
  left: readonly [rows: number, inner: number],
  columns: number,
  leading: readonly number[] = [],
  rightLeading = leading,
): Cases {
  const [rows, inner] = left;
  const cases: Record<string, GradientCase> = {};
  for (const transposeLeft of [false, true]) {
    for (const transposeRight of [false, true]) {
      const a = transposeLeft ? [inner, rows] : [rows, inner];
      const b = transposeRight ? [columns, inner] : [inner, columns];
      const name = `[${leading}] by [${rightLeading}]${transposeLeft ? ", left transposed" : ""}${transposeRight ? ", right transposed" : ""}`;
      const options = { transposeLeft, transposeRight, scale: 0.7 };
      cases[name] = binary((x, y) => op.matMul(x, y, options), shaped(...leading, ...a), shaped(...rightLeading, ...b));
    }
  }
  return cases;
}

/** Axes, ranks and both values of keepDims. */
function reductions(build: (x: Value, axes: readonly number[], keepDims: boolean) => Value): Cases {
  const cases: Record<string, GradientCase> = {};
  for (const keepDims of [false, true]) {
    const kept = keepDims ? ", kept" : "";
    cases[`last axis${kept}`] = unary((x) => build(x, [-1], keepDims), shaped(2, 3));
    cases[`first axis${kept}`] = unary((x) => build(x, [0], keepDims), shaped(3, 2));
    cases[`inner axes${kept}`] = unary((x) => build(x, [1, 2], keepDims), shaped(2, 3, 2, 2));
    cases[`all axes${kept}`] = unary((x) => build(x, [0, 1, 2], keepDims), shaped(2, 2, 3));
    cases[`symbols${kept}`] = unary((x) => build(x, [1], keepDims), symbolic(["B", "S", 2], 3, 4, 2));
  }
  return cases;
}

export const gradientCases: Record<op.DifferentiableOp, Cases> = {
  Add: broadcasts(op.add),
  Sub: broadcasts(op.sub),
  Mul: broadcasts(op.mul),
  Div: broadcasts(op.div, positive),
  Neg: { "a matrix": unary(op.neg) },
  Exp: { "a matrix": unary(op.exp) },
  Log: { "a matrix": unary(op.log, positive(2, 3)) },
  Sqrt: { "a matrix": unary(op.sqrt, positive(2, 3)) },
  Relu: { "both sides of 0": unary(op.relu, { shape: [2, 3], values: [-2, -0.2, 0.3, 1, -1, 0.8] }) },
  FusedMatMul: {
    ...transposed([2, 3], 4),
    ...transposed([2, 3], 2, [2, 2]),
    ...transposed([2, 3], 2, [2, 1], [3]),
    ...transposed([2, 3], 2, [2], []),
    ...transposed([2, 3], 2, [], [2]),
  },
  Gemm: {
    "weight and bias": {
      inputs: { x: symbolic(["N", 3], 4, 3), weight: shaped(3, 2), bias: shaped(2) },
      build: (v) => op.linear(v.x!, v.weight!, v.bias!),
    },
    "weight transposed": {
      inputs: { x: symbolic(["N", 3], 4, 3), weight: shaped(2, 3), bias: shaped(2) },
      build: (v) => op.linear(v.x!, v.weight!, v.bias!, true),
    },
    "no bias": binary((x, weight) => op.linear(x, weight), shaped(2, 3), shaped(3, 2)),
    "no bias, weight transposed": binary(
      (x, weight) => op.linear(x, weight, undefined, true),
      shaped(2, 3),
      shaped(2, 3),
    ),
    "a bias of one row": {
      inputs: { x: shaped(4, 3), weight: shaped(3, 2), bias: shaped(1, 2) },
      build: (v) => op.linear(v.x!, v.weight!, v.bias!),
    },
    "one matrix as input and weight": unary((x) => op.linear(x, x), shaped(2, 2)),
  },
  Softmax: {
    "last of two axes": unary((x) => op.softmax(x), shaped(2, 4)),
    "last of four axes": unary((x) => op.softmax(x), shaped(2, 2, 2, 3)),
    "another axis": unary((x) => op.softmax(x, 1), shaped(2, 3, 2)),
  },
  LayerNormalization: {
    rows: {
      inputs: { x: symbolic(["N", 4], 3, 4), scale: shaped(4), bias: shaped(4) },
      build: (v) => op.layerNorm(v.x!, v.scale!, v.bias!),
    },
    "three axes": {
      inputs: { x: symbolic(["B", "S", 4], 2, 3, 4), scale: shaped(4), bias: shaped(4) },
      build: (v) => op.layerNorm(v.x!, v.scale!, v.bias!, 0.1),
    },
    "one vector": {
      inputs: { x: shaped(4), scale: shaped(4), bias: shaped(4) },
      build: (v) => op.layerNorm(v.x!, v.scale!, v.bias!),
    },
  },
  Gather: {
    "rows, one of them twice": {
      inputs: { table: shaped(4, 3), rows: ids([2, 0, 2], ["N"], [3]) },
      build: (v) => op.gather(v.table!, v.rows!),
    },
    "a matrix of ids, some counted from the end": {
      inputs: { table: shaped(4, 2), rows: ids([3, 0, -1, 1, 1, -4], ["B", "S"], [2, 3]) },
      build: (v) => op.gather(v.table!, v.rows!),
    },
    "a table of numbers": {
      inputs: { table: shaped(4), rows: ids([1, 1, 3], [3]) },
      build: (v) => op.gather(v.table!, v.rows!),
    },
    "rows of three axes": {
      inputs: { table: shaped(3, 2, 2), rows: ids([2, 2], [2]) },
      build: (v) => op.gather(v.table!, v.rows!),
    },
  },
  GatherElements: {
    "of the last axis, one of them twice": {
      inputs: { x: symbolic(["N", 3], 2, 3), places: ids([2, 0, 2, 1, 1, -3], ["N", "U"], [2, 3]) },
      build: (v) => op.gatherElements(v.x!, v.places!),
    },
    "of the first axis": {
      inputs: { x: shaped(3, 2), places: ids([2, 0, 2, 1], [2, 2]) },
      build: (v) => op.gatherElements(v.x!, v.places!, 0),
    },
  },
  Reshape: {
    "numbers to numbers": unary((x) => op.reshape(x, [3, 2])),
    "rows of a batch": unary((x) => op.reshape(x, ["N", 2], [-1, 2]), symbolic(["B", "S", 2], 2, 3, 2)),
    "a target computed in the graph": unary(
      (x) => op.reshape(x, ["B", 2, "S"], op.concat([op.shapeOf(x, 0, 1), x.graph.ints([2]), op.shapeOf(x, 1, 2)], 0)),
      symbolic(["B", "S", 2], 2, 3, 2),
    ),
    "a scalar": unary((x) => op.reshape(x, [], []), shaped(1)),
  },
  Transpose: {
    matrix: unary((x) => op.transpose(x, [1, 0])),
    "three axes in a ring": unary((x) => op.transpose(x, [2, 0, 1]), shaped(2, 3, 4)),
    "heads of attention": unary((x) => op.transpose(x, [0, 2, 1, 3]), symbolic(["B", "S", 2, 3], 2, 4, 2, 3)),
  },
  Concat: {
    "first axis": binary((a, b) => op.concat([a, b], 0), shaped(2, 3), shaped(1, 3)),
    "last of three axes": binary((a, b) => op.concat([a, b], -1), shaped(2, 2, 1), shaped(2, 2, 3)),
    "symbols and a part without gradient": binary(
      (a, b) => op.concat([a, b.graph.constant(Float32Array.of(1, 2), [1, 2]), b, a], 0, "N"),
      symbolic(["P", 2], 2, 2),
      symbolic(["Q", 2], 3, 2),
    ),
  },
  Slice: {
    "from the start": unary((x) => op.slice(x, 0, 0, 2), shaped(3, 2)),
    "to the end": unary((x) => op.slice(x, -1, 1, 4), shaped(2, 4)),
    inside: unary((x) => op.slice(x, 1, 1, 3), shaped(2, 4, 2)),
    "an end counted from the end": unary((x) => op.slice(x, 1, 0, -1), shaped(2, 4)),
    "both bounds counted from the end": unary((x) => op.slice(x, 1, -3, -1), shaped(2, 4)),
    "bounds outside are cut": unary((x) => op.slice(x, 1, -9, Number.MAX_SAFE_INTEGER), shaped(2, 4)),
    "a symbol, an end counted from the end": unary(
      (x) => op.slice(x, 1, 1, -1, "S-2"),
      symbolic(["B", "S", 2], 2, 4, 2),
    ),
    "bounds computed in the graph": unary(
      (x) => {
        const size = op.shapeOf(x, 1, 2);
        return op.slice(x, 1, op.sub(size, 3), op.sub(size, 1), "part");
      },
      symbolic(["B", "S"], 2, 4),
    ),
    nothing: unary((x) => op.concat([op.slice(x, 1, 3, 1), op.neg(x)], 1), shaped(2, 4)),
  },
  Expand: {
    "a row to a matrix": unary((x) => op.expand(x, [4, 3], x.graph.ints([4, 3])), shaped(3)),
    "a column and a new axis": unary((x) => op.expand(x, [2, 3, 2], x.graph.ints([2, 3, 2])), shaped(3, 1)),
    "to sizes computed in the graph": binary(
      (a, b) => op.mul(op.expand(a, ["B", "S"], op.shapeOf(b)), b),
      symbolic(["B", 1], 2, 1),
      symbolic(["B", "S"], 2, 3),
    ),
  },
  Where: {
    "a choice for each element": {
      inputs: { c: { shape: [2, 3], type: "bool", values: [1, 0, 0, 1, 1, 0] }, a: shaped(2, 3), b: shaped(2, 3) },
      build: (v) => op.where(v.c!, v.a!, v.b!),
    },
    "all three broadcast": {
      inputs: { c: { shape: [2, 1, 1], type: "bool", values: [1, 0] }, a: shaped(3, 1), b: shaped(2) },
      build: (v) => op.where(v.c!, v.a!, v.b!),
    },
    "one side constant": {
      inputs: { c: { shape: [2, 2], type: "bool", values: [1, 0, 0, 1] }, a: shaped(2, 2) },
      build: (v, graph) => op.where(v.c!, graph.floats(-3), v.a!),
    },
  },
  ReduceSum: reductions(op.reduceSum),
  ReduceMean: reductions(op.reduceMean),
  Identity: { "a matrix": unary(op.identity) },
};
