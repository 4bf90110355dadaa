// int8 products whose answer for a row does not depend on the other rows: a scale per row, a scale per output column.
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import type { Product } from "../networks/layers.ts";

const LEVELS = 127;
const ZERO_POINT = 128;

/** A weight matrix `[in, out]` as int8 with one scale per output. */
export interface QuantizedWeight {
  readonly data: Int8Array; // [in, out]
  readonly scales: Float32Array; // [out]
}

/** Symmetric quantisation by column; a `[out, in]` matrix is turned round on the way. */
export function quantizeWeight(
  weight: Float32Array,
  inWidth: number,
  outWidth: number,
  transposed: boolean,
): QuantizedWeight {
  const at = (row: number, column: number) => (transposed ? column * inWidth + row : row * outWidth + column);
  const data = new Int8Array(inWidth * outWidth);
  const scales = new Float32Array(outWidth);
  for (let column = 0; column < outWidth; column += 1) {
    let largest = 0;
    for (let row = 0; row < inWidth; row += 1) largest = Math.max(largest, Math.abs(weight[at(row, column)]!));
    const scale = largest > 0 ? largest / LEVELS : 1;
    scales[column] = scale;
    for (let row = 0; row < inWidth; row += 1)
      data[row * outWidth + column] = Math.round(weight[at(row, column)]! / scale);
  }
  return { data, scales };
}

/**
 * A product for BlockContext: weights int8 by column, activations uint8 with a scale per row, found in the graph.
 * DynamicQuantizeMatMul has one scale for the whole batch instead, so that one session's outlier would change another
 * session's words.
 */
export function rowwiseInt8Product(): Product {
  const quantized = new Map<Value, { data: Value; scales: Value }>();
  const activations = new Map<Value, { bytes: Value; scale: Value }>();
  return (x, weight, bias, transposed) => {
    const graph = x.graph;
    const [a, b] = weight.shape as [number, number];
    const [inWidth, outWidth] = transposed ? [b, a] : [a, b];
    let known = quantized.get(weight);
    if (!known) {
      const { data, scales } = quantizeWeight(valuesOf(weight), inWidth, outWidth, transposed);
      known = { data: graph.constant(data, [inWidth, outWidth]), scales: graph.constant(scales, [1, outWidth]) };
      quantized.set(weight, known);
    }
    let activation = activations.get(x); // queries, keys and values share one input
    if (!activation) {
      const largest = op.maximum(op.reduceMax(op.abs(x), [1], true), 1e-9); // [N, 1]
      const scale = op.mul(largest, 1 / LEVELS);
      const levels = op.add(op.round(op.div(x, scale)), ZERO_POINT);
      activation = { bytes: op.cast(levels, "uint8"), scale };
      activations.set(x, activation);
    }
    const zero = graph.constant(Uint8Array.of(ZERO_POINT), []);
    const [sums] = graph.node(
      "MatMulInteger",
      [activation.bytes, known.data, zero],
      [{ type: "int32", shape: [x.shape[0]!, outWidth] }],
    );
    const scaled = op.mul(op.cast(sums!, "float32"), op.mul(activation.scale, known.scales));
    // An Add would be fused into onnxruntime's MatMulIntegerToFloat, which adds the bias before it multiplies by a scale
    // per row, so that next to nothing would be left of it.
    return op.sub(
      scaled,
      graph.constant(
        valuesOf(bias).map((value) => -value),
        [outWidth],
      ),
    );
  };
}

/** A constant's values, which are known while the graph is built. */
function valuesOf(value: Value): Float32Array {
  const constant = value.graph.constants.find((item) => item.value === value);
  if (!(constant?.data instanceof Float32Array)) throw new Error(`int8 export needs the values of ${value.name}`);
  return constant.data;
}
