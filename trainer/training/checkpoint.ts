// A training run's state on disk: parameters, optimizer, place in the data. Enough to go on exactly.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ParameterSpec, Weights } from "../networks/parameters.ts";
import { firstMomentName, meanName, secondMomentName } from "./optimizer.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import type { OptimizerState } from "./training-step.ts";

/** Sums since the last line of the log. They are part of the state, so that a resumed run writes the same lines. */
const windowSchema = z.object({
  seconds: z.number(),
  tokens: z.number(),
  loss: z.number(),
  nll: z.number(),
  /** The loss's terms, where it has several. */
  terms: z.record(z.string(), z.number()).default(() => ({})),
  steps: z.int(),
  /** Of those, the ones whose targets the student wrote; parts of one where an update has several batches. */
  writtenSteps: z.number().default(0),
  leftOut: z.number(),
});

export const emptyWindow = (): z.infer<typeof windowSchema> => ({
  seconds: 0,
  tokens: 0,
  loss: 0,
  nll: 0,
  terms: {},
  steps: 0,
  writtenSteps: 0,
  leftOut: 0,
});

const bestSchema = z.object({ step: z.int(), quality: z.number() });

const loopStateSchema = z.object({
  step: z.int().nonnegative(),
  batches: z.object({ seed: z.number(), epoch: z.int(), index: z.int() }),
  /** Seconds of training so far, pauses left out. */
  seconds: z.number(),
  targetTokens: z.number(),
  best: bestSchema.nullable(),
  /** The same of the moving average of the weights, where one is kept. */
  bestMeans: bestSchema.nullable().default(null),
  validationsWithoutGain: z.int(),
  /** Steps of the newest snapshots. */
  snapshots: z.array(z.int()),
  /** The best snapshots, best first, where these are kept too. */
  bestSnapshots: z.array(bestSchema).default(() => []),
  finished: z.boolean(),
  window: windowSchema.default(emptyWindow), // checkpoints of before it was kept have none
});

/** Everything of a run that is not a tensor. */
export type LoopState = z.infer<typeof loopStateSchema>;

/** On disk: the state, and the hash of the tensors' file beside it, so that a damaged one is known. */
const savedStateSchema = loopStateSchema.extend({
  tensorsSha256: z.string().optional(), // checkpoints of before it was kept have none
});

/** No whole state is left of a run that had one. */
export class CheckpointError extends Error {
  override name = "CheckpointError";
}

/**
 * Writes both files beside the old ones and then swaps folders, so that a kill or a full disk at any moment leaves one
 * whole state. The state before it stays as `<folder>.old`, for the day that the new one turns out damaged.
 */
export function saveCheckpoint(
  folder: string,
  optimizer: OptimizerState,
  specs: readonly ParameterSpec[],
  state: LoopState,
): void {
  const fresh = `${folder}.new`;
  const old = `${folder}.old`;
  rmSync(fresh, { recursive: true, force: true });
  try {
    writeState(fresh, optimizer, specs, state);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    throw error;
  }
  if (existsSync(folder)) {
    rmSync(old, { recursive: true, force: true }); // not before: it may be all that a killed run left
    renameSync(folder, old);
  }
  renameSync(fresh, folder);
}

function writeState(
  folder: string,
  optimizer: OptimizerState,
  specs: readonly ParameterSpec[],
  state: LoopState,
): void {
  mkdirSync(folder, { recursive: true });
  const tensors: Weights = new Map();
  const shapes = new Map<string, readonly number[]>();
  const { means } = optimizer;
  for (const { name, shape } of specs) {
    const parts: [string, Weights, string][] = [
      [name, optimizer.weights, name],
      [firstMomentName(name), optimizer.firstMoments, name],
      [secondMomentName(name), optimizer.secondMoments, name],
    ];
    if (means) parts.push([meanName(name), means, name]);
    for (const [key, from, parameter] of parts) {
      const data = from.get(parameter);
      if (!data) throw new Error(`no value for ${key}`);
      tensors.set(key, data);
      shapes.set(key, shape);
    }
  }
  const path = join(folder, "state.safetensors");
  writeSafetensors(path, tensors, shapes);
  const saved = { ...state, tensorsSha256: sha256(path) };
  writeFileSync(join(folder, "state.json"), `${JSON.stringify(saved, null, 2)}\n`, { flush: true });
}

const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

export interface LoadedCheckpoint {
  readonly optimizer: OptimizerState;
  readonly state: LoopState;
  /** What was wrong with the newest state, where this is the one before it. */
  readonly damage?: string;
}

/**
 * The last whole state of `folder`, if there is any: the one before it where the newest is damaged.
 * @throws CheckpointError where all that is there is damaged, or is another architecture's.
 */
export function loadCheckpoint(folder: string, specs: readonly ParameterSpec[]): LoadedCheckpoint | undefined {
  // A kill between the two renames leaves the old state alone under its second name.
  const saved = [folder, `${folder}.old`].filter((path) => existsSync(join(path, "state.json")));
  const damages: string[] = [];
  for (const path of saved) {
    try {
      return { ...readState(path, specs), ...(damages.length > 0 ? { damage: damages.join("; ") } : {}) };
    } catch (error) {
      damages.push(error instanceof Error ? error.message : String(error));
    }
  }
  if (damages.length === 0) return undefined;
  throw new CheckpointError(
    `${damages.join("; ")}: no whole checkpoint is left. Remove ${folder} and ${folder}.old to begin the stage again`,
  );
}

function readState(folder: string, specs: readonly ParameterSpec[]): { optimizer: OptimizerState; state: LoopState } {
  const parsed = savedStateSchema.safeParse(parseJson(readFileSync(join(folder, "state.json"), "utf8")));
  if (!parsed.success) throw new Error(`${join(folder, "state.json")} is damaged: ${z.prettifyError(parsed.error)}`);
  const { tensorsSha256, ...state } = parsed.data;
  const path = join(folder, "state.safetensors");
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  if (tensorsSha256 !== undefined && sha256(path) !== tensorsSha256)
    throw new Error(`${path} is damaged: it does not have the sha256 that state.json states`);
  const { tensors, shapes } = readSafetensors(path);
  const pick = (keyOf: (name: string) => string): Weights => {
    const entries = specs.map(({ name, shape }): [string, Float32Array] => {
      const key = keyOf(name);
      const data = tensors.get(key);
      if (!data) throw new Error(`${folder} holds no ${key}: it was made by another architecture`);
      const found = shapes.get(key)?.join();
      if (found !== shape.join()) throw new Error(`${folder} holds ${key} of shape [${found}], not [${shape}]`);
      return [name, data];
    });
    return new Map(entries);
  };
  const optimizer: OptimizerState = {
    weights: pick((name) => name),
    firstMoments: pick(firstMomentName),
    secondMoments: pick(secondMomentName),
    step: state.step,
    ...(specs.some(({ name }) => tensors.has(meanName(name))) && { means: pick(meanName) }),
  };
  return { optimizer, state };
}

/** Undefined for text that is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The mean of several weights, parameter by parameter (checkpoint averaging, Junczys-Dowmunt et al. 2016). */
export function averageWeights(all: readonly Weights[]): Weights {
  const first = all[0];
  if (!first) throw new Error("there are no weights to average");
  const mean: Weights = new Map();
  for (const [name, values] of first) {
    const sum = new Float64Array(values.length);
    for (const weights of all) {
      const data = weights.get(name);
      if (!data || data.length !== values.length) throw new Error(`parameter ${name} differs between the checkpoints`);
      for (let index = 0; index < sum.length; index += 1) sum[index]! += data[index]!;
    }
    mean.set(
      name,
      Float32Array.from(sum, (value) => value / all.length),
    );
  }
  return mean;
}
