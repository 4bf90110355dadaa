import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ParameterSpec, Weights } from "../networks/parameters.ts";
import {
  averageWeights,
  CheckpointError,
  emptyWindow,
  type LoopState,
  loadCheckpoint,
  saveCheckpoint,
} from "./checkpoint.ts";
import type { OptimizerState } from "./training-step.ts";

const specs: ParameterSpec[] = [
  { name: "matrix", shape: [2, 2], initial: { normal: 1 } },
  { name: "bias", shape: [1], initial: { constant: 0 } },
];

const weights = (first: number): Weights =>
  new Map([
    ["matrix", Float32Array.of(first, first + 1, first + 2, first + 3)],
    ["bias", Float32Array.of(-first)],
  ]);

const optimizer = (step: number): OptimizerState => ({
  weights: weights(step),
  firstMoments: weights(step + 10),
  secondMoments: weights(step + 20),
  step,
});

const state = (step: number): LoopState => ({
  step,
  batches: { seed: 3, epoch: 1, index: 17 },
  seconds: 12.5,
  targetTokens: 4000,
  best: { step: 1, quality: 20.5 },
  bestMeans: { step: 2, quality: 21 },
  validationsWithoutGain: 2,
  snapshots: [1, 2],
  bestSnapshots: [{ step: 1, quality: 20.5 }],
  finished: false,
  window: {
    seconds: 0.5,
    tokens: 100,
    loss: 3,
    nll: 2,
    terms: { wordLevel: 1 },
    steps: 1,
    writtenSteps: 0,
    leftOut: 0,
  },
});

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "souffleur-checkpoint-"));
  folder = join(root, "checkpoint");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test("what was saved last is loaded; the state before it is all that is left beside it", () => {
  expect(loadCheckpoint(folder, specs)).toBeUndefined();
  for (const step of [1, 2, 3]) saveCheckpoint(folder, optimizer(step), specs, state(step));
  expect(loadCheckpoint(folder, specs)).toEqual({ optimizer: optimizer(3), state: state(3) });
  expect(readdirSync(root)).toEqual(["checkpoint", "checkpoint.old"]);
  expect(loadCheckpoint(`${folder}.old`, specs)?.state.step).toBe(2);
});

test("a moving average is part of the state, where there is one", () => {
  const averaged = { ...optimizer(3), means: weights(40) };
  saveCheckpoint(folder, averaged, specs, state(3));
  expect(loadCheckpoint(folder, specs)).toEqual({ optimizer: averaged, state: state(3) });
});

describe("a kill leaves one whole state", () => {
  test("while the new state is being written", () => {
    saveCheckpoint(folder, optimizer(1), specs, state(1));
    mkdirSync(`${folder}.new`);
    writeFileSync(join(`${folder}.new`, "state.safetensors.partial"), "half");
    expect(loadCheckpoint(folder, specs)?.state.step).toBe(1);
    saveCheckpoint(folder, optimizer(2), specs, state(2));
    expect(loadCheckpoint(folder, specs)?.state.step).toBe(2);
    expect(readdirSync(root)).toEqual(["checkpoint", "checkpoint.old"]);
  });

  test("between the two renames, and once more in the save that follows", () => {
    saveCheckpoint(folder, optimizer(1), specs, state(1));
    renameSync(folder, `${folder}.old`);
    expect(loadCheckpoint(folder, specs)?.state.step).toBe(1);
    // a save that dies before its last rename must not have removed the only state
    const unwritable: OptimizerState = { ...optimizer(2), secondMoments: new Map() };
    expect(() => saveCheckpoint(folder, unwritable, specs, state(2))).toThrow("no value for matrix:v");
    expect(loadCheckpoint(folder, specs)?.state.step).toBe(1);
    saveCheckpoint(folder, optimizer(2), specs, state(2));
    expect(loadCheckpoint(folder, specs)?.state.step).toBe(2);
    expect(readdirSync(root)).toEqual(["checkpoint", "checkpoint.old"]);
  });
});

describe("a damaged state", () => {
  const flip = (path: string) => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
  };

  test.each<[string, (at: string) => void, RegExp]>([
    ["a flipped bit", (at) => flip(join(at, "state.safetensors")), /state\.safetensors is damaged: .* sha256/],
    ["a file cut short", (at) => truncateSync(join(at, "state.safetensors"), 40), /state\.safetensors is damaged/],
    ["a missing file", (at) => rmSync(join(at, "state.safetensors")), /state\.safetensors is missing/],
    ["half a state.json", (at) => truncateSync(join(at, "state.json"), 10), /state\.json is damaged/],
  ])("is known, and the one before it goes on: %s", (_, damage, message) => {
    for (const step of [1, 2]) saveCheckpoint(folder, optimizer(step), specs, state(step));
    damage(folder);
    const loaded = loadCheckpoint(folder, specs);
    expect(loaded).toMatchObject({ optimizer: optimizer(1), state: state(1) });
    expect(loaded?.damage).toMatch(message);
    damage(`${folder}.old`);
    expect(() => loadCheckpoint(folder, specs)).toThrow(CheckpointError);
    expect(() => loadCheckpoint(folder, specs)).toThrow(
      /no whole checkpoint is left\. Remove .* to begin the stage again/,
    );
  });
});

describe("a state that does not fit is refused", () => {
  test("another architecture", () => {
    saveCheckpoint(folder, optimizer(1), specs, state(1));
    const more: ParameterSpec[] = [...specs, { name: "extra", shape: [1], initial: { constant: 0 } }];
    expect(() => loadCheckpoint(folder, more)).toThrow("holds no extra: it was made by another architecture");
  });

  test("the same names in other sizes", () => {
    saveCheckpoint(folder, optimizer(1), specs, state(1));
    const wider: ParameterSpec[] = [{ ...specs[0]!, shape: [2, 3] }, specs[1]!];
    expect(() => loadCheckpoint(folder, wider)).toThrow("matrix of shape [2,2], not [2,3]");
  });

  test("a state.json of another form", () => {
    saveCheckpoint(folder, optimizer(1), specs, state(1));
    const file = join(folder, "state.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"epoch": 1', '"epoch": "one"'));
    expect(() => loadCheckpoint(folder, specs)).toThrow("epoch");
  });
});

describe("averaging", () => {
  test("takes the mean of each parameter", () => {
    const mean = averageWeights([weights(1), weights(2), weights(6)]);
    expect([...mean]).toEqual([
      ["matrix", Float32Array.of(3, 4, 5, 6)],
      ["bias", Float32Array.of(-3)],
    ]);
    expect(averageWeights([weights(2)])).toEqual(weights(2));
  });

  test("is refused for none, and for weights of different networks", () => {
    expect(() => averageWeights([])).toThrow("there are no weights to average");
    const other: Weights = new Map([["matrix", new Float32Array(9)]]);
    expect(() => averageWeights([weights(1), other])).toThrow("parameter matrix differs between the checkpoints");
  });
});

test("a state of an older version, which lacks the log's sums, still loads", () => {
  saveCheckpoint(folder, optimizer(1), specs, state(1));
  const path = join(folder, "state.json");
  const { window: _, bestMeans: __, bestSnapshots: ___, ...older } = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify(older));
  const filled = { window: emptyWindow(), bestMeans: null, bestSnapshots: [] };
  expect(loadCheckpoint(folder, specs)?.state).toEqual({ ...state(1), ...filled });
});
