// A student's objective as its training graph wants it: the terms that are on, and what each pair of a batch weighs in them.
import type { Batch } from "../corpus/batches.ts";
import type { Objective } from "../objective.ts";
import type { FrozenTeacher, RowWeights, SoftBatch } from "../training/distilled-graph.ts";

/** A student's objective, with the teacher where a term asks it. */
export interface Distillation {
  readonly objective: Objective;
  readonly teacher: FrozenTeacher | undefined;
  /** How many of the teacher's ids are stored for each place of a distilled target, where they are. */
  readonly topK: number | undefined;
}

/** The settings of the teacher's terms that are on. @param topK how many ids are stored for each place. */
export function activeTerms({ wordLevel, mutualInformation, onPolicy }: Objective, topK?: number) {
  const { temperature, source } = wordLevel;
  return {
    ...(wordLevel.weight > 0 ? { wordLevel: { temperature, ...(source === "stored" && { stored: topK }) } } : {}),
    ...(mutualInformation.weight > 0 ? { mutualInformation } : {}),
    ...(onPolicy.rate > 0 ? { onPolicy: { labels: onPolicy.labels, temperature } } : {}),
  };
}

/** Whether the graph has terms beside the targets' likelihood. */
export const hasTerms = (objective: Objective): boolean => Object.keys(activeTerms(objective)).length > 0;

/** What each row's whole loss is multiplied by, `[rows]`. */
export function pairWeightsOf({ examples }: Batch, { pairWeights }: Objective): Float32Array {
  return Float32Array.from(examples, ({ part }) => pairWeights[part.origin ?? "raw"]);
}

/**
 * What each row weighs, for the terms that are on.
 * @param written whether the student wrote the batch's targets.
 */
export function rowWeights(batch: Batch, objective: Objective, topK?: number, written = false): RowWeights {
  const { wordLevel, mutualInformation, onPolicy } = objective;
  const isFor = (origin = "raw") => !written && (wordLevel.pairs === "all" || wordLevel.pairs === origin);
  const share = (on: boolean, of: (origin?: string) => number) =>
    on ? Float32Array.from(batch.examples, ({ part }) => of(part.origin)) : undefined;
  const word = share(wordLevel.weight > 0, (origin) => (isFor(origin) ? wordLevel.weight : 0));
  const informs = written === (mutualInformation.prefixes === "own");
  return {
    pair: pairWeightsOf(batch, objective),
    word,
    ...(word && wordLevel.source === "stored" && topK !== undefined && { soft: storedOf(batch, word, topK) }),
    information: share(mutualInformation.weight > 0, () => (informs ? mutualInformation.weight : 0)),
    own: share(onPolicy.rate > 0, () => Number(written)),
    written,
  };
}

/** What is stored for a batch's rows; a row without it, or whose target is no longer the stored one, gets no word level. */
function storedOf({ rows, U, examples, targetLengths }: Batch, word: Float32Array, k: number): SoftBatch {
  const ids = new Int32Array(rows * U * k);
  const logProbabilities = new Float32Array(rows * U * k);
  for (const [row, { part, members }] of examples.entries()) {
    const positions = part.softTargets
      ? members.reduce((sum, member) => sum + part.softTargets!.positionsOf(member) - 1, 1)
      : 0;
    if (word[row]! > 0 && positions === targetLengths[row])
      part.softTargets?.fill(members, ids, logProbabilities, row * U);
    else word[row] = 0; // noise runs sentences together
  }
  return { k, ids, logProbabilities };
}
