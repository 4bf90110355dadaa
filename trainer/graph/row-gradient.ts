// Gradients that are kept in parts: what they are as one value, and how the product that made the logits passes them on.
import type { Gradient, GraphNode, RowGradient, ScatteredGradient, Value } from "./graph.ts";
import {
  add,
  concat,
  expand,
  filled,
  gather,
  matMul,
  mul,
  reduceSum,
  reshape,
  scatterElementsAdd,
  scatterRowsAdd,
  shapeOf,
  transpose,
} from "./ops.ts";

// N = B·T rows, L columns of each b that get something of their own, V columns, D width of what made the logits.

const isValue = (gradient: Gradient): gradient is Value => "graph" in gradient;
const isScattered = (gradient: Gradient): gradient is ScatteredGradient =>
  !isValue(gradient) && gradient.kind === "scattered";
export const isRowGradient = (gradient: Gradient): gradient is RowGradient =>
  !isValue(gradient) && gradient.kind === "rows";

/** The sum of gradients of one value, of which there is at least one; scattered rows are added into the sum of the others. */
export function sumOf(gradients: readonly Gradient[]): Value {
  const whole = gradients.flatMap((each) => (isScattered(each) ? [] : [isValue(each) ? each : asValue(each)]));
  const scattered = gradients.filter(isScattered);
  const into = whole.length > 0 ? whole.reduce((left, right) => add(left, right)) : zerosLike(scattered[0]!.table);
  return scattered.reduce((sum, { places, rows }) => scatterRowsAdd(sum, places, rows), into);
}

const zerosLike = (table: Value): Value => filled(shapeOf(table), table.shape);

/** The gradient as one value `[N, V]`. */
function asValue({ base, scale, offset, ids, values }: RowGradient): Value {
  const [rows, columns] = [base.shape[0]!, ids.shape[1]!];
  const target = concat([base.graph.ints([-1]), shapeOf(values, 2, 3)], 0);
  const wide = expand(reshape(ids, [ids.shape[0]!, 1, columns], [0, 1, -1]), values.shape, shapeOf(values)); // [B, T, L]
  const flat = (x: Value) => reshape(x, [rows, columns], target);
  const smooth = mul(offset === 0 ? base : add(base, offset), scale); // [N, V]
  return scatterElementsAdd(smooth, flat(wide), flat(values));
}

/**
 * Gradients of the inputs of `logits = x · weightᵀ + bias` (a Gemm with its weight transposed) without an array of the
 * logits' size: sums over V are products with `base`, and the columns `ids` are rows of the weight.
 */
export function projectionGradients(node: GraphNode, dy: RowGradient): readonly Gradient[] {
  const [x, weight, bias] = node.inputs as [Value, Value, Value | undefined];
  const { base, scale, offset, ids, values } = dy;
  const { graph } = base;
  const width = x.shape[1] as number;
  const vocabulary = weight.shape[0] as number;
  const single = values.shape[1] === 1 && values.shape[2] === 1;
  const scaled = mul(x, scale); // [N, D]
  const perColumn = reshape(ids, ["N·L", 1], [-1, 1]);

  const smooth = matMul(base, weight); // Σ_v base · weight_v: [N, D]
  const shifted = offset === 0 ? smooth : add(smooth, mul(reduceSum(weight, [0], true), offset));
  const chosen = gather(weight, ids); // [B, L, D]
  const own = reshape(single ? mul(chosen, values) : matMul(values, chosen), x.shape, [-1, width]); // [N, D]
  const dx = add(mul(shifted, scale), own);

  // onnxruntime is faster with the narrow factor on the left, turning the result included
  const product = transpose(matMul(scaled, base, { transposeLeft: true }), [1, 0]); // [V, D]
  const dWeight = offset === 0 ? product : add(product, mul(reduceSum(scaled, [0], true), offset));
  const grouped = reshape(
    x,
    [...values.shape.slice(0, 2), width],
    concat([shapeOf(values, 0, 2), graph.ints([width])], 0),
  );
  const toColumns = single ? mul(grouped, values) : matMul(values, grouped, { transposeLeft: true }); // [B, L, D]
  const perWeight = reshape(toColumns, ["N·L", width], [-1, width]);
  const weightGradient = scatterRowsAdd(dWeight, perColumn, perWeight);
  if (!bias) return [dx, weightGradient];

  const sums = reshape(matMul(scale, base, { transposeLeft: true }), [vocabulary], [vocabulary]);
  const dBias = offset === 0 ? sums : add(sums, mul(reduceSum(scale, [0]), offset));
  const perBias = reshape(reduceSum(values, [1]), ["N·L"], [-1]);
  return [dx, weightGradient, scatterRowsAdd(dBias, perColumn, perBias)];
}

/** Whether `projectionGradients` covers the node: others are given the gradient as one value. */
export function isProjection(node: GraphNode): boolean {
  const [x, weight, bias] = node.inputs;
  return (
    node.op === "Gemm" &&
    node.attributes.transB === 1 &&
    [x, weight, bias].every((input) => !input || input.differentiable) &&
    typeof x?.shape[1] === "number" &&
    typeof weight?.shape[0] === "number" &&
    (!bias || bias.shape.length === 1)
  );
}
