import { type InferenceSession, Tensor } from "onnxruntime-common";
import { describe, expect, it } from "vitest";
import type { OnnxRuntime } from "../../models/graph-session.ts";
import { openOnProvider, type Provider, type ProviderMachine, withSpare } from "./provider.ts";

const machine = (adapter: boolean, ...names: string[]): ProviderMachine => ({
  hasAdapter: () => adapter,
  backends: () => ["cpu", ...names].map((name) => ({ name, bundled: true })),
});

/** Opens on these providers, and says of the others that they are not there. */
const opens =
  (...able: Provider[]) =>
  (provider: Provider) =>
    able.includes(provider) ? Promise.resolve(`on ${provider}`) : Promise.reject(new Error(`no ${provider} here`));

describe("openOnProvider", () => {
  it.each<[string, ProviderMachine, Provider[], Provider, Provider[]]>([
    ["cuda where its libraries are", machine(true, "webgpu", "cuda"), ["cuda", "webgpu", "cpu"], "cuda", []],
    ["webgpu where they are not", machine(true, "webgpu", "cuda"), ["webgpu", "cpu"], "webgpu", ["cuda"]],
    ["cpu without a GPU", machine(false, "webgpu", "cuda"), ["webgpu", "cpu"], "cpu", ["cuda", "webgpu"]],
    ["cpu with a GPU that does not work", machine(true, "webgpu"), ["cpu"], "cpu", ["cuda", "webgpu"]],
  ])("auto takes %s", async (_, on, able, expected, passed) => {
    const opened = await openOnProvider("auto", on, opens(...able));
    expect(opened).toMatchObject({ provider: expected, model: `on ${expected}` });
    expect(opened.passed.map(({ provider }) => provider)).toEqual(passed);
    for (const { reason } of opened.passed) expect(reason).toMatch(/no (cuda|webgpu) here|no GPU|does not know/);
  });

  it("takes the one that was asked for, or says what it wants", async () => {
    expect(await openOnProvider("webgpu", machine(false), opens("webgpu", "cpu"))).toMatchObject({
      provider: "webgpu",
    });
    await expect(openOnProvider("cuda", machine(true), opens("cpu"))).rejects.toThrow(
      "the provider cuda cannot be used: no cuda here. Install onnxruntime's CUDA libraries (docs/operating.md",
    );
  });

  it.each(["auto", "cpu"] as const)("%s says what is wrong with a bundle as it is", async (setting) => {
    await expect(openOnProvider(setting, machine(false), opens())).rejects.toThrow(/^no cpu here$/);
  });
});

describe("withSpare", () => {
  /** Sessions that count their runs, and fail from one on where their provider is a GPU. */
  function runtime(failsFrom: number) {
    const log: string[] = [];
    const ort: OnnxRuntime = {
      Tensor,
      InferenceSession: {
        create: (_model, options) => {
          const [provider] = options?.executionProviders ?? [];
          let runs = 0;
          return Promise.resolve({
            inputMetadata: [],
            outputMetadata: [],
            run: () => {
              runs++;
              log.push(`${provider} ${runs}`);
              if (provider === "webgpu" && runs >= failsFrom) return Promise.reject(new Error("device lost"));
              return Promise.resolve({});
            },
            release: () => {
              log.push(`${provider} released`);
              return provider === "webgpu" ? Promise.reject(new Error("device lost")) : Promise.resolve();
            },
          });
        },
      },
    };
    return { ort, log };
  }
  const on = (provider: string): InferenceSession.SessionOptions => ({ executionProviders: [provider] });

  it("runs what failed again on the CPU, tells of it once, and stays there", async () => {
    const { ort, log } = runtime(2);
    const lost: unknown[] = [];
    const spared = withSpare(ort, on("cpu"), (error) => lost.push(error));
    const session = await spared.InferenceSession.create("step.onnx", on("webgpu"));
    for (let run = 0; run < 3; run++) await session.run({});
    await session.release();
    expect(log).toEqual(["webgpu 1", "webgpu 2", "webgpu released", "cpu 1", "cpu 2", "cpu released"]);
    expect(lost).toEqual([new Error("device lost")]);
  });
});
