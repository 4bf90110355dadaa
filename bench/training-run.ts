// A training step to measure: the teacher's or the student's own graph on batches of invented ids of one shape.
import * as ort from "onnxruntime-node";
import { EOS_ID, SPECIAL_TOKENS } from "../models/vocabulary.ts";
import { FULL_WAIT } from "../models/wait.ts";
import { initialWeights } from "../trainer/networks/parameters.ts";
import { Random } from "../trainer/random.ts";
import { studentFeeds, studentTrainingGraph } from "../trainer/training/student-graph.ts";
import { type IdBatch, teacherFeeds, teacherTrainingGraph } from "../trainer/training/teacher-graph.ts";
import { TrainingStep } from "../trainer/training/training-step.ts";
import { TorchPeer } from "./torch-peer.ts";
import { benchTrain, benchTurns, type TrainBenchResult, type TrainStepTokens, type TurnsResult } from "./train.ts";

export interface TrainBenchOptions {
  readonly model: "teacher" | "student";
  readonly width: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly vocabulary: number;
  /** Padded tokens of a batch. */
  readonly tokens: number;
  /** Tokens of every sentence, EOS included, on both sides. */
  readonly length: number;
  readonly dropout: number;
  readonly threads: number;
  readonly steps: number;
}

const ADAM = { beta1: 0.9, beta2: 0.98, epsilon: 1e-9, clipNorm: 1 };
const RATE = 1e-4;
const SEED = 1;
const SLOTS_PER_TOKEN = 2;

const rowsOf = ({ tokens, length }: TrainBenchOptions): number => Math.max(1, Math.floor(tokens / length));

/** Times whole updates: forward, gradients and Adam. Rows are full, so no token is padding. */
export async function benchTraining(options: TrainBenchOptions): Promise<TrainBenchResult> {
  const { runStep, dispose } = await openStep(options);
  try {
    return await benchTrain(options.steps, runStep);
  } finally {
    await dispose();
  }
}

/**
 * The same, and PyTorch on a batch of the same shape in a process of its own; the two take turns, step by step.
 * @throws PythonMissing when `python` has no PyTorch.
 */
export async function benchAgainstTorch(options: TrainBenchOptions, python: string): Promise<TurnsResult> {
  const slots = options.model === "student" ? SLOTS_PER_TOKEN : 0;
  const { vocabulary, width, encoderLayers, decoderLayers, dropout, threads, length } = options;
  const sizes = { vocabulary, width, encoderLayers, decoderLayers };
  const peer = await TorchPeer.start(python, { ...sizes, slots, dropout, threads, rows: rowsOf(options), length });
  try {
    const { runStep, dispose } = await openStep(options);
    const ours = async () => {
      const before = performance.now();
      await runStep();
      return { ms: performance.now() - before, peakBytes: process.resourceUsage().maxRSS * 1024 };
    };
    try {
      const tokens = rowsOf(options) * options.length;
      return await benchTurns(options.steps, tokens, {
        souffleur: ours,
        [`PyTorch ${peer.version}`]: () => peer.step(),
      });
    } finally {
      await dispose();
    }
  } finally {
    peer.stop();
  }
}

async function openStep(
  options: TrainBenchOptions,
): Promise<{ runStep: () => Promise<TrainStepTokens>; dispose: () => Promise<void> }> {
  const { model, width, encoderLayers, decoderLayers, vocabulary, dropout, threads } = options;
  const sizes = {
    width,
    heads: 4,
    feedForward: 4 * width,
    encoderLayers,
    decoderLayers,
    vocabulary,
    maxPositions: 256,
  };
  const architecture = { ...sizes, slotsPerToken: SLOTS_PER_TOKEN };
  const graph =
    model === "teacher"
      ? teacherTrainingGraph(sizes, { dropout, labelSmoothing: 0.1 })
      : studentTrainingGraph(architecture, { dropout, glancing: false });
  const { weights } = initialWeights(graph.parameters.specs, SEED);
  const start = { weights, firstMoments: new Map(), secondMoments: new Map(), step: 0 };
  const step = await TrainingStep.create(graph, start, { ort, adam: ADAM, dropout, seed: SEED, threads });
  const random = new Random(SEED, "bench train");
  const runStep = async () => {
    const batch = inventedBatch(options, random);
    const waits = new Int32Array(batch.rows).fill(FULL_WAIT);
    const { feeds } =
      model === "teacher" ? { feeds: teacherFeeds(ort, batch) } : studentFeeds(ort, batch, waits, SLOTS_PER_TOKEN);
    const largestActivation = batch.rows * batch.S * SLOTS_PER_TOKEN * width;
    await step.update([{ feeds, largestActivation, share: 1 }], RATE);
    const tokens = batch.rows * batch.S;
    return { sourceTokens: tokens, targetTokens: tokens };
  };
  return { runStep, dispose: () => step.dispose() };
}

function inventedBatch(options: TrainBenchOptions, random: Random): IdBatch {
  const { length, vocabulary } = options;
  const rows = rowsOf(options);
  const side = () =>
    Int32Array.from({ length: rows * length }, (_, place) =>
      place % length === length - 1 ? EOS_ID : SPECIAL_TOKENS.length + random.below(vocabulary - SPECIAL_TOKENS.length),
    );
  const lengths = () => new Int32Array(rows).fill(length);
  return {
    source: side(),
    target: side(),
    sourceLengths: lengths(),
    targetLengths: lengths(),
    rows,
    S: length,
    U: length,
  };
}
