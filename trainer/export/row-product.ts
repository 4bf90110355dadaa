// Products of a step graph: `x · weight` without a bias, in float32 or in int8, several weights side by side in one.
import type { Graph, Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { quantizeWeight } from "./quantize.ts";

// N rows.

/** A weight matrix `[in, out]`, with its values. */
export interface Matrix {
  readonly values: Float32Array;
  readonly inWidth: number;
  readonly outWidth: number;
}

/** What stands left in a product; `negativeIsZero` lets it be taken for relu(x). */
export type RowProduct = (x: Value, weight: Matrix, options?: { negativeIsZero?: boolean }) => Value; // [N, out]

/** `[in, a + b + …]`. */
export function sideBySide(matrices: readonly Matrix[]): Matrix {
  const inWidth = matrices[0]!.inWidth;
  const outWidth = matrices.reduce((sum, matrix) => sum + matrix.outWidth, 0);
  const values = new Float32Array(inWidth * outWidth);
  let column = 0;
  for (const matrix of matrices) {
    for (let row = 0; row < inWidth; row += 1) {
      const from = row * matrix.outWidth;
      values.set(matrix.values.subarray(from, from + matrix.outWidth), row * outWidth + column);
    }
    column += matrix.outWidth;
  }
  return { values, inWidth, outWidth };
}

/** `[out, in]` turned round. */
export function turned({ values, inWidth, outWidth }: Matrix): Matrix {
  const result = new Float32Array(values.length);
  for (let row = 0; row < inWidth; row += 1) {
    for (let column = 0; column < outWidth; column += 1)
      result[column * inWidth + row] = values[row * outWidth + column]!;
  }
  return { values: result, inWidth: outWidth, outWidth: inWidth };
}

export const floatProduct: RowProduct = (x, weight, { negativeIsZero = false } = {}) => {
  const constant = x.graph.constant(weight.values, [weight.inWidth, weight.outWidth]);
  return op.matMul(negativeIsZero ? op.relu(x) : x, constant);
};

const SIGNED_LEVELS = 127;
const LEVELS = 255;
const ZERO_POINT = 128;
/** Stands for the largest of a row that has nothing above zero. */
const LEAST = 1e-30;

/**
 * int8 products whose answer for a row does not depend on the other rows: weights with a scale by column, activations
 * uint8 with a scale by row, found in the graph. A row of zeros has the scale 0, and whatever it is divided into comes out
 * as zero again.
 */
export function int8RowProduct(graph: Graph): RowProduct {
  const quantized = new Map<Value, { bytes: Value; scale: Value }>();
  const zeroPoints = new Map<string, Value>();
  const zeroPoint = graph.constant(Uint8Array.of(ZERO_POINT), []);
  /** One zero point for each row, as QuantizeLinear wants them beside one scale for each row. */
  const zeroPointsOf = (x: Value): Value => {
    const rows = String(x.shape[0]);
    let known = zeroPoints.get(rows);
    if (!known) {
      known = op.expand(graph.constant(Uint8Array.of(ZERO_POINT), [1]), [x.shape[0]!], op.shapeOf(x, 0, 1));
      zeroPoints.set(rows, known);
    }
    return known;
  };
  const quantize = (x: Value, negativeIsZero: boolean) => {
    const known = quantized.get(x); // several products of one input
    if (known) return known;
    const scale = negativeIsZero
      ? op.mul(op.maximum(op.reduceMax(x, [1], true), LEAST), 1 / LEVELS)
      : op.mul(op.reduceMax(op.abs(x), [1], true), 1 / SIGNED_LEVELS); // [N, 1]
    const scales = op.reshape(scale, [x.shape[0]!], [-1]);
    // without a zero point what is negative becomes 0
    const inputs = negativeIsZero ? [x, scales] : [x, scales, zeroPointsOf(x)];
    const [bytes] = graph.node("QuantizeLinear", inputs, [{ type: "uint8", shape: x.shape }], { axis: 0 });
    const made = { bytes: bytes!, scale };
    quantized.set(x, made);
    return made;
  };
  return (x, { values, inWidth, outWidth }, { negativeIsZero = false } = {}) => {
    const { bytes, scale } = quantize(x, negativeIsZero);
    const { data, scales } = quantizeWeight(values, inWidth, outWidth, false);
    const weight = graph.constant(data, [inWidth, outWidth]);
    const inputs = negativeIsZero ? [bytes, weight] : [bytes, weight, zeroPoint];
    const [sums] = graph.node("MatMulInteger", inputs, [{ type: "int32", shape: [x.shape[0]!, outWidth] }]);
    return op.mul(op.cast(sums!, "float32"), op.mul(scale, graph.constant(scales, [1, outWidth])));
  };
}
