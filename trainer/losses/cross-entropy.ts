// Cross entropy over a softmax with label smoothing (Szegedy et al. 2016), with its gradient written by hand.
import type { RowGradient, Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { isProjection } from "../graph/row-gradient.ts";

/**
 * Σ_n weights[n] · ((1 − ε)·−log p_n(label) + ε·mean_v −log p_n(v)).
 * @param logits `[N, V]`; `labels` int64 `[N]`; `weights` `[N]`, 0 for padding.
 * @returns the scalar loss, the weighted sum of −log p(label) without smoothing (for perplexity), and −log p(label) of
 * each row `[N]`.
 */
export function crossEntropy(
  logits: Value,
  labels: Value,
  weights: Value,
  smoothing: number,
): { loss: Value; negativeLogLikelihood: Value; perPlace: Value } {
  const rows = logits.shape[0]!;
  const vocabulary = logits.shape[1] as number;
  const column = op.reshape(labels, [rows, 1], [-1, 1]);
  const probabilities = op.softmax(logits); // [N, V]
  const flat = (x: Value) => op.reshape(x, [rows], [-1]);
  const atLabel = op.neg(flat(op.log(op.maximum(op.gatherElements(probabilities, column), 1e-37)))); // −log p(label) [N]
  // −mean log p = logsumexp − mean(logits), and logsumexp = logit(label) − log p(label)
  const spreadOut = () => {
    const logSumExp = op.add(flat(op.gatherElements(logits, column)), atLabel);
    return op.sub(logSumExp, flat(meanOverVocabulary(logits, vocabulary)));
  };
  const perRow = smoothing === 0 ? atLabel : op.add(op.mul(atLabel, 1 - smoothing), op.mul(spreadOut(), smoothing));
  const value = op.sumAll(op.mul(perRow, weights));
  // p − ε/V everywhere, and ε − 1 more at the label, times the row's weight
  const rule = (dy: Value): readonly RowGradient[] => {
    const scale = op.reshape(op.mul(weights, dy), [rows, 1], [-1, 1]);
    const values = op.reshape(op.mul(scale, smoothing - 1), [rows, 1, 1], [-1, 1, 1]);
    return [{ kind: "rows", base: probabilities, scale, offset: -smoothing / vocabulary, ids: column, values }];
  };
  const loss = logits.graph.node(
    "Identity",
    [value],
    [{ type: "float32", shape: [] }],
    {},
    { customGradient: { inputs: [logits], rule } },
  );
  return { loss: loss[0]!, negativeLogLikelihood: op.sumAll(op.mul(atLabel, weights)), perPlace: atLabel };
}

/** The mean of each row of logits `[N, V]`, as `[N, 1]`: of x · Eᵀ + b it is x · mean(E)ᵀ + mean(b), without another pass over N · V. */
function meanOverVocabulary(logits: Value, vocabulary: number): Value {
  const share = logits.graph.constant(new Float32Array(vocabulary).fill(1 / vocabulary), [1, vocabulary]);
  const made = logits.graph.nodes.find(({ outputs }) => outputs[0] === logits);
  const [x, weight, bias] = made && isProjection(made) ? made.inputs : [];
  if (!x || !weight) return op.matMul(logits, share, { transposeRight: true });
  const mean = op.matMul(x, op.matMul(share, weight), { transposeRight: true }); // [N, 1]
  if (!bias) return mean;
  return op.add(mean, op.matMul(share, op.reshape(bias, [vocabulary, 1], [vocabulary, 1])));
}
