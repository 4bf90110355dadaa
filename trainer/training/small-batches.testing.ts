// Test support: small graphs of a teacher and of students, and batches of random ids of uneven lengths for them.
import * as ort from "onnxruntime-node";
import { EOS_ID, SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { FULL_WAIT } from "../../models/wait.ts";
import { initialWeights } from "../networks/parameters.ts";
import { Random } from "../random.ts";
import { distilledFeeds, distilledTrainingGraph, type FrozenTeacher } from "./distilled-graph.ts";
import { lagFeeds } from "./lags.ts";
import { slotTermFeeds } from "./slot-terms.ts";
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

/** The networks that train, and two students, autoregressive and CTC, that a teacher in the step teaches word by word. */
export type SmallKind = "teacher" | "wait-k" | "student" | "taught autoregressive" | "taught student";

const CTC_SIZES = { ...SIZES, slotsPerToken: SLOTS_PER_TOKEN };
const TERMS = { wordLevel: { temperature: 2 }, mutualInformation: { entropy: 0.5 } };

/** A teacher of another width, in the graph of those that are taught. */
function frozenTeacher(): FrozenTeacher {
  const architecture = { ...SIZES, width: 24, feedForward: 40 };
  const { specs } = teacherTrainingGraph(architecture, { dropout: 0, labelSmoothing: 0 }).parameters;
  return { architecture, weights: initialWeights(specs, 2).weights };
}

function graphOf(kind: SmallKind, dropout: number): TrainingGraph {
  const smoothed = { dropout, labelSmoothing: 0.1 };
  if (kind === "taught autoregressive")
    return distilledTrainingGraph(SIZES, { ...smoothed, ...TERMS }, frozenTeacher());
  if (kind === "teacher" || kind === "wait-k")
    return teacherTrainingGraph(SIZES, { ...smoothed, streaming: kind === "wait-k" });
  const distilled = kind === "taught student" ? { teacher: frozenTeacher(), ...TERMS } : undefined;
  return studentTrainingGraph(CTC_SIZES, { dropout, glancing: false, distilled });
}

function feedsOf(kind: SmallKind, batch: IdBatch): Feeds {
  const { rows } = batch;
  const all = (value: number) => new Float32Array(rows).fill(value);
  const weights = { pair: all(1), word: all(0.6), information: all(0.2) };
  const lags = Int32Array.from({ length: rows }, (_, row) => [1, 3, FULL_WAIT][row % 3]!);
  if (kind === "taught autoregressive") return distilledFeeds(ort, batch, weights);
  if (kind === "teacher") return teacherFeeds(ort, batch);
  if (kind === "wait-k") return { ...teacherFeeds(ort, batch), ...lagFeeds(ort, lags) };
  const made = studentFeeds(ort, batch, lags, SLOTS_PER_TOKEN);
  return kind === "student" ? made.feeds : { ...made.feeds, ...slotTermFeeds(ort, batch, made.rowWeights, weights) };
}

export function smallTraining(kind: SmallKind, dropout: number, rows = 5): SmallTraining {
  const graph = () => graphOf(kind, dropout);
  return {
    graph,
    batch: (number) => {
      const batch = randomBatch(rows, new Random("small batches", number));
      const largestActivation = rows * Math.max(batch.S * SLOTS_PER_TOKEN, batch.U) * SIZES.width;
      return { feeds: feedsOf(kind, batch), largestActivation };
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
