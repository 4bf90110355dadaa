// A training run's state on disk: parameters, optimizer, place in the data. Enough to go on exactly.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { ParameterSpec, Weights } from "../networks/parameters.ts";
import { firstMomentName, secondMomentName } from "./optimizer.ts";
import { readSafetensors, writeSafetensors } from "./safetensors.ts";
import type { OptimizerState } from "./training-step.ts";

/** Sums since the last line of the log. They are part of the state, so that a resumed run writes the same lines. */
const windowSchema = z.object({
  seconds: z.number(),
  tokens: z.number(),
  loss: z.number(),
  nll: z.number(),
  steps: z.int(),
  leftOut: z.number(),
});

export const emptyWindow = (): z.infer<typeof windowSchema> => ({
  seconds: 0,
  tokens: 0,
  loss: 0,
  nll: 0,
  steps: 0,
  leftOut: 0,
});

const loopStateSchema = z.object({
  step: z.int().nonnegative(),
  batches: z.object({ seed: z.number(), epoch: z.int(), index: z.int() }),
  /** Seconds of training so far, pauses left out. */
  seconds: z.number(),
  targetTokens: z.number(),
  best: z.object({ step: z.int(), quality: z.number() }).nullable(),
  validationsWithoutGain: z.int(),
  snapshots: z.array(z.int()),
  finished: z.boolean(),
  window: windowSchema.default(emptyWindow), // checkpoints of before it was kept have none
});

/** Everything of a run that is not a tensor. */
export type LoopState = z.infer<typeof loopStateSchema>;

/** Writes both files beside the old ones and then swaps folders, so that a kill at any moment leaves one whole state. */
export function saveCheckpoint(
  folder: string,
  optimizer: OptimizerState,
  specs: readonly ParameterSpec[],
  state: LoopState,
): void {
  const fresh = `${folder}.new`;
  const old = `${folder}.old`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const tensors: Weights = new Map();
  const shapes = new Map<string, readonly number[]>();
  for (const { name, shape } of specs) {
    const parts: [string, Weights, string][] = [
      [name, optimizer.weights, name],
      [firstMomentName(name), optimizer.firstMoments, name],
      [secondMomentName(name), optimizer.secondMoments, name],
    ];
    for (const [key, from, parameter] of parts) {
      const data = from.get(parameter);
      if (!data) throw new Error(`no value for ${key}`);
      tensors.set(key, data);
      shapes.set(key, shape);
    }
  }
  writeSafetensors(join(fresh, "state.safetensors"), tensors, shapes);
  writeFileSync(join(fresh, "state.json"), `${JSON.stringify(state, null, 2)}\n`);
  if (existsSync(folder)) {
    rmSync(old, { recursive: true, force: true }); // not before: it may be all that a killed run left
    renameSync(folder, old);
  }
  renameSync(fresh, folder);
  rmSync(old, { recursive: true, force: true });
}

/** The last whole state in `folder`, if any. */
export function loadCheckpoint(
  folder: string,
  specs: readonly ParameterSpec[],
): { optimizer: OptimizerState; state: LoopState } | undefined {
  // A kill between the two renames leaves the old state under its second name.
  const at = [folder, `${folder}.old`].find((path) => existsSync(join(path, "state.json")));
  if (!at) return undefined;
  const state = loopStateSchema.parse(JSON.parse(readFileSync(join(at, "state.json"), "utf8")));
  const { tensors, shapes } = readSafetensors(join(at, "state.safetensors"));
  const pick = (keyOf: (name: string) => string): Weights => {
    const entries = specs.map(({ name, shape }): [string, Float32Array] => {
      const key = keyOf(name);
      const data = tensors.get(key);
      if (!data) throw new Error(`${at} holds no ${key}: it was made by another architecture`);
      const found = shapes.get(key)?.join();
      if (found !== shape.join()) throw new Error(`${at} holds ${key} of shape [${found}], not [${shape}]`);
      return [name, data];
    });
    return new Map(entries);
  };
  const optimizer: OptimizerState = {
    weights: pick((name) => name),
    firstMoments: pick(firstMomentName),
    secondMoments: pick(secondMomentName),
    step: state.step,
  };
  return { optimizer, state };
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
