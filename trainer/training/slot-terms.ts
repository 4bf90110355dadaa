// The teacher's terms of a CTC student's loss, beside CTC, and their feeds.
import type * as Ort from "onnxruntime-common";
import type { Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { type SlotInputs, slotMutualInformation, slotWordLevel } from "../losses/slot-distillation.ts";
import { completedLogits } from "../losses/word-level.ts";
import {
  type FrozenTeacher,
  frozenLogits,
  type RowWeights,
  required,
  softFeeds,
  storedInputs,
  type WordLevelTerm,
} from "./distilled-graph.ts";
import { type IdBatch, shiftedTargets } from "./teacher-graph.ts";
import type { Feeds } from "./training-step.ts";

// B sentences, S source positions, U target positions, T slots, V vocabulary.

/** The terms that the graph has; a term that is left out costs nothing. */
export interface SlotObjective {
  readonly teacher?: FrozenTeacher;
  readonly wordLevel?: WordLevelTerm;
  readonly mutualInformation?: { readonly entropy: number };
}

/** What CTC weighs, and what the teacher adds to the loss. */
export interface SlotTerms {
  /** `[B]`: the rows' weights less what is word level. */
  readonly ctcWeights: Value;
  /** The terms as they enter the loss, by name. */
  added(inputs: Omit<SlotInputs, "teacherLogits" | "weights">): Record<string, Value>;
}

/**
 * Per target token: (1 − α)·CTC + α·word level + mutual information, each row with its weights in the feeds row_weights,
 * word_weights and information_weights, `[B]`. The teacher reads the whole source, whatever the student's lag.
 */
export function slotTerms(
  objective: SlotObjective,
  rowWeights: Value,
  { source, sourceLengths }: { readonly source: Value; readonly sourceLengths: Value },
): SlotTerms {
  const { graph } = rowWeights;
  const { wordLevel, mutualInformation, teacher } = objective;
  const wordWeights = wordLevel ? graph.input("word_weights", "float32", ["B"]) : undefined;
  return {
    ctcWeights: wordWeights ? op.sub(rowWeights, wordWeights) : rowWeights,
    added(slots) {
      let answered: Value | undefined;
      const online = () => {
        answered ??= frozenLogits(
          required(teacher),
          source,
          sourceLengths,
          graph.input("target_in", "int64", ["B", "U"]),
        );
        return answered; // [B·U, V]
      };
      const terms: Record<string, Value> = {};
      if (wordLevel && wordWeights) {
        const { stored } = wordLevel;
        const vocabulary = slots.logits.shape[1] as number;
        const teacherLogits =
          stored === undefined ? online() : completedLogits(storedInputs(graph, stored), vocabulary);
        const inputs = { ...slots, teacherLogits, weights: wordWeights };
        terms.wordLevel = slotWordLevel(inputs, { temperature: wordLevel.temperature, blanks: true }).loss;
      }
      if (mutualInformation) {
        const weights = graph.input("information_weights", "float32", ["B"]);
        terms.mutualInformation = slotMutualInformation(
          { ...slots, teacherLogits: online(), weights },
          mutualInformation.entropy,
        ).loss;
      }
      return terms;
    },
  };
}

/** @param rowWeights `[rows]`, as `studentFeeds` made them: 0 for a row that CTC cannot reach. */
export function slotTermFeeds(ort: typeof Ort, batch: IdBatch, rowWeights: Float32Array, weights: RowWeights): Feeds {
  const { rows, U } = batch;
  const { word, soft, information } = weights;
  const shares = (of: Float32Array) =>
    new ort.Tensor(
      "float32",
      rowWeights.map((weight, row) => weight * of[row]!),
      [rows],
    );
  const asked = information !== undefined || (word !== undefined && !soft);
  return {
    ...(asked ? { target_in: new ort.Tensor("int64", shiftedTargets(batch), [rows, U]) } : {}),
    ...(word ? { word_weights: shares(word) } : {}),
    ...(soft ? softFeeds(ort, batch, soft) : {}),
    ...(information ? { information_weights: shares(information) } : {}),
  };
}
