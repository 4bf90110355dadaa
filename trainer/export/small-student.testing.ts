// A student small enough for tests, by the formula's weights, and what the training pass says of it.
import { BLANK_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { evaluateGraph } from "../graph/evaluate-graph.testing.ts";
import { Graph } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { noDropout } from "../networks/dropout.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import { Parameters, type Weights } from "../networks/parameters.ts";
import { type StudentArchitecture, slotLogits } from "../networks/student.ts";

export const smallStudent: StudentArchitecture = {
  ...{ width: 16, heads: 2, feedForward: 24, encoderLayers: 2, decoderLayers: 2 },
  ...{ vocabulary: SPECIAL_TOKENS.length + 24, maxPositions: 24, slotsPerToken: 2 },
};

/** The whole sentences' pass, as in training: its graph, and the parameters that it declares. */
function trainingPass(architecture: StudentArchitecture, weights?: Weights) {
  const graph = new Graph();
  const parameters = new Parameters(graph, weights);
  const { logits } = slotLogits(
    { ...architecture, parameters, dropout: noDropout },
    architecture,
    graph.input("source", "int64", ["B", "S"]),
    graph.input("source_lengths", "int64", ["B"]),
    graph.input("waits", "int64", ["B"]),
  );
  return { graph, logits, specs: parameters.specs };
}

/** Weights of any student, with the blank as likely as the words. */
export function studentWeights(architecture: StudentArchitecture): {
  weights: Weights;
  shapes: ReadonlyMap<string, readonly number[]>;
} {
  const { specs } = trainingPass(architecture);
  const weights = formulaWeights(specs);
  weights.get("output.bias")![BLANK_ID]! += 1;
  return { weights, shapes: new Map(specs.map(({ name, shape }) => [name, shape])) };
}

export interface Slots {
  readonly ids: readonly number[];
  /** Log-probability of each slot's id. */
  readonly scores: readonly number[];
}

/** Each row's slots by the training pass, all rows in one padded batch. Sources end with `</s>`. */
export async function slotsInTraining(
  architecture: StudentArchitecture,
  weights: Weights,
  sources: readonly (readonly number[])[],
  wait: number,
): Promise<Slots[]> {
  const { graph, logits } = trainingPass(architecture, weights);
  const S = Math.max(...sources.map(({ length }) => length));
  const outputs = { best: op.argMax(logits), score: op.log(op.reduceMax(op.softmax(logits), [1])) };
  const found = await evaluateGraph(graph, outputs, {
    source: { data: sources.flatMap((ids) => [...ids, ...Array(S - ids.length).fill(0)]), dims: [sources.length, S] },
    source_lengths: { data: sources.map(({ length }) => length), dims: [sources.length] },
    waits: { data: sources.map(() => wait), dims: [sources.length] },
  });
  const { slotsPerToken } = architecture;
  const T = S * slotsPerToken;
  return sources.map(({ length }, row) => {
    const cut = (data: ArrayLike<number>) => Array.from(data).slice(row * T, row * T + length * slotsPerToken);
    return { ids: cut(found.best!.data), scores: cut(found.score!.data) };
  });
}
