// The gradient rule of every differentiable operator, in one table (a forgotten rule does not compile).
import { type Gradient, GraphError, type GraphNode, type Value } from "./graph.ts";
import type { DifferentiableOp } from "./ops.ts";
import {
  add,
  cast,
  concat,
  div,
  expand,
  filled,
  layerNorm,
  less,
  matMul,
  maximum,
  minimum,
  mul,
  neg,
  reduceMean,
  reduceSum,
  reshape,
  scatterElementsAdd,
  shapeOf,
  slice,
  sub,
  transpose,
  where,
} from "./ops.ts";
import { normalizeAxis } from "./shapes.ts";

/**
 * Gradients of a node's inputs from the gradient `dy` of its first output. A rule may return gradients in the broadcast
 * shape: backward.ts sums them down to the input's shape. `undefined` stands for "no gradient".
 */
export type GradientRule = (node: GraphNode, dy: Value) => readonly (Gradient | undefined)[];

const input = (node: GraphNode, index: number): Value => {
  const value = node.inputs[index];
  if (!value) throw new GraphError(`${node.op} has no input ${index}`);
  return value;
};
const output = (node: GraphNode, index = 0): Value => node.outputs[index]!;
const wants = (value: Value, make: () => Value): Value | undefined => (value.differentiable ? make() : undefined);
const flag = (node: GraphNode, name: string): boolean => node.attributes[name] === 1;
const scaleOf = (node: GraphNode): number => (node.attributes.alpha as { float: number }).float;

export const gradients: Record<DifferentiableOp, GradientRule> = {
  Add: (_, dy) => [dy, dy],
  Sub: (node, dy) => [dy, wants(input(node, 1), () => neg(dy))],
  Mul: (node, dy) => {
    const [a, b] = [input(node, 0), input(node, 1)];
    return [wants(a, () => mul(dy, b)), wants(b, () => mul(dy, a))];
  },
  Div: (node, dy) => {
    const b = input(node, 1);
    return [
      wants(input(node, 0), () => div(dy, b)),
      wants(b, () => neg(div(mul(dy, output(node)), b))), // d(a/b)/db = -y/b
    ];
  },
  Neg: (_, dy) => [neg(dy)],
  Exp: (node, dy) => [mul(dy, output(node))],
  Log: (node, dy) => [div(dy, input(node, 0))],
  Sqrt: (node, dy) => [div(mul(dy, 0.5), output(node))],
  Relu: (node, dy) => [mul(dy, step(output(node)))],
  FusedMatMul: (node, dy) => {
    const [a, b] = [input(node, 0), input(node, 1)];
    const [ta, tb, scale] = [flag(node, "transA"), flag(node, "transB"), scaleOf(node)];
    const da = () =>
      ta
        ? matMul(b, dy, { transposeLeft: tb, transposeRight: true, scale })
        : matMul(dy, b, { transposeRight: !tb, scale });
    const db = () =>
      tb
        ? matMul(dy, a, { transposeLeft: true, transposeRight: ta, scale })
        : matMul(a, dy, { transposeLeft: !ta, scale });
    return [wants(a, da), wants(b, db)];
  },
  Gemm: (node, dy) => {
    const [x, weight, bias] = [input(node, 0), input(node, 1), node.inputs[2]];
    const tb = flag(node, "transB");
    return [
      wants(x, () => matMul(dy, weight, { transposeRight: !tb })),
      wants(weight, () => (tb ? matMul(dy, x, { transposeLeft: true }) : matMul(x, dy, { transposeLeft: true }))),
      bias && wants(bias, () => dy),
    ];
  },
  Softmax: (node, dy) => {
    const y = output(node);
    const weighted = mul(dy, y);
    return [sub(weighted, mul(y, reduceSum(weighted, [node.attributes.axis as number], true)))];
  },
  // In as few passes over whole tensors as can be: they cost more here than their arithmetic.
  LayerNormalization: (node, dy) => {
    const [x, scale, bias] = [input(node, 0), input(node, 1), input(node, 2)];
    const width = scale.shape[0];
    if (scale.shape.length !== 1 || typeof width !== "number")
      throw new GraphError(`the gradient of LayerNormalization needs a fixed width, got [${scale.shape}]`);
    const ones = x.graph.constant(new Float32Array(width).fill(1), [width]);
    const zeros = x.graph.constant(new Float32Array(width), [width]);
    const { epsilon } = node.attributes as { epsilon: { float: number } };
    const normalized = layerNorm(x, ones, zeros, epsilon.float);
    const weighted = mul(dy, normalized);
    const dx = () => {
      // of value · scale, over the last axis; the division is in the column, because a scaled product takes a slower way
      const column = mul(reshape(scale, [width, 1], [width, 1]), 1 / width);
      const mean = (value: Value) => matMul(value, column);
      const matrix = x.shape.length > 1;
      const meanOf = (value: Value) => (matrix ? mean(value) : reduceMean(mul(value, scale), [-1], true));
      const centred = sub(mul(dy, scale), meanOf(dy));
      return mul(sub(centred, mul(normalized, meanOf(weighted))), output(node, 2));
    };
    return [wants(x, dx), wants(scale, () => weighted), wants(bias, () => dy)];
  },
  Gather: (node, dy) => {
    const [table, indices] = [input(node, 0), input(node, 1)];
    if (node.attributes.axis !== 0) throw new GraphError("the gradient of Gather is written for axis 0");
    const rest = table.shape.slice(1);
    const sizes = rest.filter((dim) => typeof dim === "number");
    if (sizes.length < rest.length)
      throw new GraphError(`the gradient of Gather needs fixed rows, got [${table.shape}]`);
    const rows = reshape(dy, ["rows", ...rest], [-1, ...sizes]);
    const places = reshape(indices, ["rows", 1], [-1, 1]);
    return [{ kind: "scattered", table, places, rows }, undefined];
  },
  GatherElements: (node, dy) => {
    const [data, indices] = [input(node, 0), input(node, 1)];
    const axis = node.attributes.axis as number;
    return [scatterElementsAdd(filled(shapeOf(data), data.shape), indices, dy, axis), undefined];
  },
  Reshape: (node, dy) => [reshape(dy, input(node, 0).shape, shapeOf(input(node, 0))), undefined],
  Transpose: (node, dy) => {
    const permutation = node.attributes.perm as readonly number[];
    const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
    return [transpose(dy, inverse)];
  },
  Concat: (node, dy) => {
    const axis = node.attributes.axis as number;
    let start = dy.graph.ints([0]);
    return node.inputs.map((part) => {
      const end = add(start, shapeOf(part!, axis, axis + 1));
      const from = start;
      start = end;
      return wants(part!, () => slice(dy, axis, from, end, part!.shape[axis]));
    });
  },
  Slice: (node, dy) => {
    // zeros before and after: the slice is put back where it came from
    const x = input(node, 0);
    const axis = constantAxes(node, 3)[0]!;
    const zeros = (length: Value, name: string) => {
      const sizes = x.shape.map((_, index) => (index === axis ? length : shapeOf(x, index, index + 1)));
      return filled(
        concat(sizes, 0),
        x.shape.map((dim, index) => (index === axis ? name : dim)),
      );
    };
    const total = shapeOf(x, axis, axis + 1);
    // ONNX counts negative bounds from the end and cuts those outside
    const bound = (value: Value) => {
      const fromStart = where(less(value, 0), add(value, total), value);
      return minimum(maximum(fromStart, 0), total);
    };
    const start = bound(input(node, 1));
    const end = maximum(bound(input(node, 2)), start);
    const whole = concat([zeros(start, "before"), dy, zeros(sub(total, end), "after")], axis);
    return [reshape(whole, x.shape, shapeOf(x))];
  },
  Expand: (_, dy) => [dy, undefined],
  Where: (node, dy) => {
    const [condition, a, b] = [input(node, 0), input(node, 1), input(node, 2)];
    const zero = dy.graph.floats(0);
    return [undefined, wants(a, () => where(condition, dy, zero)), wants(b, () => where(condition, zero, dy))];
  },
  ReduceSum: (node, dy) => [spread(node, dy), undefined],
  ReduceMean: (node, dy) => {
    const x = input(node, 0);
    const ratio = div(cast(product(shapeOf(x)), "float32"), cast(product(shapeOf(output(node))), "float32"));
    return [div(spread(node, dy), ratio), undefined];
  },
  Identity: (_, dy) => [dy],
};

/** 1 where a value that is never negative is above 0: the steepest line, cut at 1, in one pass (Sign is slow on the CPU). */
function step(x: Value): Value {
  const attributes = { alpha: { float: 1e38 }, beta: { float: 0 } };
  return x.graph.node("HardSigmoid", [x], [{ type: "float32", shape: x.shape }], attributes)[0]!;
}

/** The axes of input 0 that are written in the constant input `index`. */
function constantAxes(node: GraphNode, index: number): number[] {
  const axes = node.inputs[0]!.graph.constants.find((item) => item.value === node.inputs[index]);
  if (!axes) throw new GraphError(`the gradient of ${node.op} needs constant axes`);
  const rank = input(node, 0).shape.length;
  return Array.from(axes.data as ArrayLike<number | bigint>, (axis) => normalizeAxis(Number(axis), rank));
}

/** Brings a reduced gradient back to the shape of what was reduced. */
function spread(node: GraphNode, dy: Value): Value {
  const x = input(node, 0);
  const reduced = new Set(constantAxes(node, 1));
  const asItWas = flag(node, "keepdims") || reduced.size === x.shape.length; // a scalar spreads to any shape
  if (asItWas) return expand(dy, x.shape, shapeOf(x));
  const kept = x.shape.map((_, axis) => (reduced.has(axis) ? x.graph.ints([1]) : shapeOf(x, axis, axis + 1)));
  const shape = x.shape.map((dim, axis) => (reduced.has(axis) ? 1 : dim));
  return expand(reshape(dy, shape, concat(kept, 0)), x.shape, shapeOf(x));
}

function product(sizes: Value): Value {
  return sizes.graph.node("ReduceProd", [sizes], [{ type: "int64", shape: [] }], { keepdims: 0 })[0]!;
}
