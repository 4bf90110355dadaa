// An autoregressive student small enough for tests, by the formula's weights, and what the training pass says greedily.
import { BOS_ID, EOS_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { targetLimit } from "../../models/wait-k-decoder.ts";
import { openGraph } from "../graph/evaluate-graph.testing.ts";
import { Graph } from "../graph/graph.ts";
import { noDropout } from "../networks/dropout.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import { Parameters, type Weights } from "../networks/parameters.ts";
import { type Architecture, teacherForcedLogits } from "../networks/transformer.ts";

export const smallWaiter: Architecture = {
  ...{ width: 16, heads: 2, feedForward: 24, encoderLayers: 2, decoderLayers: 2 },
  ...{ vocabulary: SPECIAL_TOKENS.length + 24, maxPositions: 24 },
};

/** The whole sentences' pass, as in training: its graph, and the parameters that it declares. */
function trainingPass(sizes: Architecture, weights?: Weights) {
  // Positions are a formula: more of them for translations longer than any source.
  const architecture = { ...sizes, maxPositions: targetLimit(sizes.maxPositions) };
  const graph = new Graph();
  const parameters = new Parameters(graph, weights);
  const logits = teacherForcedLogits(
    { ...architecture, parameters, dropout: noDropout },
    architecture,
    graph.input("source", "int64", ["B", "S"]),
    graph.input("source_lengths", "int64", ["B"]),
    graph.input("target_in", "int64", ["B", "U"]),
    graph.input("waits", "int64", ["B"]),
  );
  return { graph, logits, specs: parameters.specs };
}

/** Weights of any such student; `end` is added to the logit of `</s>`. */
export function waiterWeights(
  architecture: Architecture,
  end = 0,
): { weights: Weights; shapes: ReadonlyMap<string, readonly number[]> } {
  const { specs } = trainingPass(architecture);
  const weights = formulaWeights(specs);
  // Sharper than the formula's own, so that what is written depends on what is read and written.
  for (const [name, values] of weights) {
    const factor = /cross\..*weight/.test(name) ? 4 : /decoder.*weight/.test(name) ? 2 : 1;
    for (const index of values.keys()) values[index]! *= factor;
  }
  weights.get("output.bias")![EOS_ID]! += end;
  return { weights, shapes: new Map(specs.map(({ name, shape }) => [name, shape])) };
}

/**
 * Each source's greedy translation through the training graph with the wait-k mask: nothing cached, every prefix whole.
 * Sources end with `</s>`.
 * @throws Error where one would end before its source does: there the lag changes on the way, which training has not.
 */
export async function greedyInTraining(
  architecture: Architecture,
  weights: Weights,
  sources: readonly (readonly number[])[],
  wait: number,
): Promise<number[][]> {
  const { graph, logits } = trainingPass(architecture, weights);
  const V = architecture.vocabulary;
  const pass = await openGraph(graph, { logits });
  const translations: number[][] = [];
  for (const source of sources) {
    const written: number[] = [];
    while (written.length < targetLimit(source.length)) {
      const targetIn = [BOS_ID, ...written];
      const { logits: found } = await pass.run({
        source: { data: source, dims: [1, source.length] },
        source_lengths: { data: [source.length], dims: [1] },
        target_in: { data: targetIn, dims: [1, targetIn.length] },
        waits: { data: [wait], dims: [1] },
      });
      const last = Array.from(found!.data).slice((targetIn.length - 1) * V);
      const allowed = last.map((value, id) => (id < SPECIAL_TOKENS.length && id !== EOS_ID ? -Infinity : value));
      const best = allowed.indexOf(Math.max(...allowed));
      if (best === EOS_ID && written.length + wait < source.length) throw new Error("an end before the source's");
      if (best === EOS_ID) break;
      written.push(best);
    }
    translations.push(written);
  }
  await pass.release();
  return translations;
}
