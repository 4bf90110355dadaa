// Test support: small graphs of a teacher and of students, and batches of random ids of uneven lengths for them.
import * as ort from "onnxruntime-node";
import { EOS_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { FULL_WAIT } from "../../models/wait.ts";
import { initialWeights } from "../networks/parameters.ts";
import { Random } from "../random.ts";
import { lagFeeds } from "./lags.ts";
import { studentFeeds, studentTrainingGraph } from "./student-graph.ts";
import { type IdBatch, teacherFeeds, teacherTrainingGraph } from "./teacher-graph.ts";
import type { Feeds, OptimizerState, TrainingGraph } from "./training-step.ts";

const VOCABULARY = 40;
const SLOTS_PER_TOKEN = 2;
const SIZES = {
  ...{ width: 16, heads: 2, feedForward: 32, encoderLayers: 2, decoderLayers: 1 },
  ...{ vocabulary: VOCABULARY, maxPositions: 32 },
};

/** A network in training: its graph, and batch number n. */
export interface SmallTraining {
  readonly graph: () => TrainingGraph;
  readonly batch: (number: number) => { readonly feeds: Feeds; readonly largestActivation: number };
  readonly start: () => OptimizerState;
}

export function smallTraining(kind: "teacher" | "wait-k" | "student", dropout: number, rows = 5): SmallTraining {
  const architecture = { ...SIZES, slotsPerToken: SLOTS_PER_TOKEN };
  const graph = () =>
    kind === "student"
      ? studentTrainingGraph(architecture, { dropout, glancing: false })
      : teacherTrainingGraph(SIZES, { dropout, labelSmoothing: 0.1, streaming: kind === "wait-k" });
  return {
    graph,
    batch: (number) => {
      const batch = randomBatch(rows, new Random("small batches", number));
      const lags = Int32Array.from({ length: rows }, (_, row) => [1, 3, FULL_WAIT][row % 3]!);
      const feeds =
        kind === "student"
          ? studentFeeds(ort, batch, lags, SLOTS_PER_TOKEN).feeds
          : { ...teacherFeeds(ort, batch), ...(kind === "wait-k" ? lagFeeds(ort, lags) : {}) };
      return { feeds, largestActivation: rows * Math.max(batch.S * SLOTS_PER_TOKEN, batch.U) * SIZES.width };
    },
    start: () => {
      const { weights } = initialWeights(graph().parameters.specs, 1);
      return { weights, firstMoments: new Map(), secondMoments: new Map(), step: 0 };
    },
  };
}

function randomBatch(rows: number, random: Random): IdBatch {
  const lengths = (most: number) => Int32Array.from({ length: rows }, () => 2 + random.below(most - 1));
  const side = (counts: Int32Array, width: number) => {
    const ids = new Int32Array(rows * width);
    for (const [row, count] of counts.entries()) {
      for (let place = 0; place < count - 1; place += 1)
        ids[row * width + place] = SPECIAL_TOKENS.length + random.below(VOCABULARY - SPECIAL_TOKENS.length);
      ids[row * width + count - 1] = EOS_ID;
    }
    return ids;
  };
  const [sourceLengths, targetLengths] = [lengths(8), lengths(7)];
  const [S, U] = [Math.max(...sourceLengths), Math.max(...targetLengths)];
  return {
    source: side(sourceLengths, S),
    target: side(targetLengths, U),
    ...{ sourceLengths, targetLengths, rows, S, U },
  };
}
