// Providers on a real runtime: WebGPU on a software adapter agrees with the CPU, and a GPU that fails takes no segment with it.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OnnxRuntime } from "../models/graph-session.ts";
import { StepModel } from "../models/step-model.ts";
import { withSpare } from "../server/engine/provider.ts";
import { smallStudent, studentWeights } from "../trainer/export/small-student.testing.ts";
import { stepDescription, stepModel } from "../trainer/export/step-graph.ts";

/** Debian's chromium brings SwiftShader, a Vulkan driver that computes on the processor. */
const SOFTWARE_ADAPTER = "/usr/lib/chromium/vk_swiftshader_icd.json";
const SOURCES = [[16, 20, 31, 17, 24, 39, 18], [22], [19, 19, 35, 16], [30, 21, 28, 33, 17]];

const { weights } = studentWeights(smallStudent);
const graph = stepModel(smallStudent, weights, { precision: "fp32", blankBias: 0 });
const { slotsPerToken, vocabulary, maxPositions, width, heads, feedForward, encoderLayers, decoderLayers } =
  smallStudent;
const manifest: Parameters<typeof StepModel.create>[2] = {
  name: "small",
  kind: "student",
  architecture: {
    ...{ type: "ctc-student", width, heads, feedForward, encoderLayers, decoderLayers },
    ...{ vocabulary, slotsPerToken, parameters: 1 },
  },
  step: stepDescription(smallStudent),
  limits: { maxSourceTokens: maxPositions },
};

/** Slots of all sources together, a token at a time. */
async function slots(runtime: OnnxRuntime, provider: string) {
  const options = { executionProviders: [provider], enableMemPattern: false, logSeverityLevel: 3 as const };
  const model = await StepModel.create(runtime, graph, manifest, options);
  const rows = SOURCES.map((ids) => ({
    ids,
    state: model.newState(),
    slotIds: [] as number[],
    slotScores: [] as number[],
  }));
  for (let step = 0; step < 7; step++) {
    const left = rows.filter(({ ids }) => step < ids.length);
    const news = left.map(({ ids, state }) => ({ state, tokens: [ids[step]!], chunks: [ids[step]!], wait: 1 }));
    for (const [index, result] of (await model.run(news)).entries()) {
      left[index]!.slotIds.push(...result.slotIds);
      left[index]!.slotScores.push(...result.slotScores);
    }
  }
  const found = rows.map(({ slotIds, slotScores }) => ({ slotIds, slotScores }));
  await model.release();
  return found;
}

it("a session whose provider fails in the middle goes on on the CPU with the same slots", async () => {
  const expected = await slots(ort, "cpu");
  const lost: string[] = [];
  const failing: OnnxRuntime = {
    Tensor: ort.Tensor,
    InferenceSession: {
      async create(model, options) {
        const session =
          typeof model === "string"
            ? await ort.InferenceSession.create(model, options)
            : await ort.InferenceSession.create(model, options);
        let runs = 0;
        const fails = options?.logSeverityLevel === 3;
        return {
          inputMetadata: session.inputMetadata,
          outputMetadata: session.outputMetadata,
          run: (feeds) => {
            if (fails && ++runs === 4) throw new Error("the device is lost");
            return session.run(feeds);
          },
          release: () => session.release(),
        };
      },
    },
  };
  const spared = withSpare(failing, { executionProviders: ["cpu"], enableMemPattern: false }, (error) =>
    lost.push(String(error)),
  );
  expect(await slots(spared, "cpu")).toEqual(expected);
  expect(lost).toEqual(["Error: the device is lost"]);
});

describe.skipIf(!existsSync(SOFTWARE_ADAPTER))("WebGPU on a software adapter", () => {
  let before: string | undefined;
  beforeAll(() => {
    before = process.env.VK_DRIVER_FILES;
    process.env.VK_DRIVER_FILES = SOFTWARE_ADAPTER;
  });
  afterAll(() => {
    if (before === undefined) delete process.env.VK_DRIVER_FILES;
    else process.env.VK_DRIVER_FILES = before;
  });

  it("writes the same slots as the CPU, with scores to 1e-3", { timeout: 120_000 }, async () => {
    const [cpu, gpu] = [await slots(ort, "cpu"), await slots(ort, "webgpu")];
    for (const [row, { slotIds, slotScores }] of cpu.entries()) {
      expect(gpu[row]!.slotIds).toEqual(slotIds);
      for (const [slot, score] of slotScores.entries()) expect(gpu[row]!.slotScores[slot]).toBeCloseTo(score, 3);
    }
  });
});

it.skipIf(process.platform !== "linux" || existsSync("/dev/nvidia0") || !existsSync("models/en-de"))(
  "souffleur serve with a provider that is not there ends with what is missing",
  () => {
    const argv = ["dist/cli/main.js", "serve", "--port", "0", "--provider", "cuda"];
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 60_000 });
    expect(status).toBe(1);
    expect(stderr).toContain("the provider cuda cannot be used");
    expect(stderr).toContain("docs/operating.md");
  },
);
