// What a worker computes on: the provider asked for, or the first that works, and the CPU in place of one that is lost.

import { existsSync, readdirSync } from "node:fs";
import type { InferenceSession } from "onnxruntime-common";
import type { OnnxRuntime } from "../../models/graph-session.ts";
import type { ProviderSetting } from "../settings.ts";

export type Provider = Exclude<ProviderSetting, "auto">;

/** A provider that was tried and could not be used. */
export interface PassedProvider {
  readonly provider: Provider;
  readonly reason: string;
}

/** What is asked of the machine; given, so that tests can answer. */
export interface ProviderMachine {
  /** Whether there is a GPU that WebGPU would use, and not a processor that plays one. */
  hasAdapter(): boolean;
  /** The runtime's backends. */
  backends(): readonly { readonly name: string; readonly bundled: boolean }[];
}

/** `auto` goes from the fastest to the one that is everywhere. */
const AUTO: readonly Provider[] = ["cuda", "webgpu", "cpu"];

/**
 * Opens a model on the provider that the setting names.
 *
 * @param open opens it on one provider, and rejects where that cannot be used
 * @throws Error that names the provider and what to do, when one was asked for by name and cannot be used
 */
export async function openOnProvider<Model>(
  setting: ProviderSetting,
  machine: ProviderMachine,
  open: (provider: Provider) => Promise<Model>,
): Promise<{ model: Model; provider: Provider; passed: PassedProvider[] }> {
  const passed: PassedProvider[] = [];
  if (setting !== "auto") {
    try {
      return { model: await open(setting), provider: setting, passed };
    } catch (error) {
      if (setting === "cpu") throw error;
      throw new Error(`the provider ${setting} cannot be used: ${messageOf(error)}. ${REMEDIES[setting]}`);
    }
  }
  for (const provider of AUTO) {
    const reason = absence(provider, machine);
    if (reason !== undefined) {
      passed.push({ provider, reason });
      continue;
    }
    try {
      return { model: await open(provider), provider, passed };
    } catch (error) {
      // What the CPU cannot open nothing can: the bundle is at fault.
      if (provider === "cpu") throw error;
      passed.push({ provider, reason: messageOf(error) });
    }
  }
  throw new Error("no provider was left to try");
}

const REMEDIES: Readonly<Record<Exclude<Provider, "cpu">, string>> = {
  cuda: "Install onnxruntime's CUDA libraries (docs/operating.md, Providers and GPUs), or take another provider",
  webgpu: "It needs a GPU with a Vulkan, Metal or Direct3D 12 driver; or take another provider",
};

/** Why a provider is not worth a try. */
function absence(provider: Provider, machine: ProviderMachine): string | undefined {
  if (provider === "cpu") return undefined;
  if (!machine.backends().some(({ name }) => name === provider)) return "the runtime does not know it on this platform";
  return provider === "webgpu" && !machine.hasAdapter() ? "no GPU was found" : undefined;
}

/** The machine that this process runs on. */
export function thisMachine(backends: ProviderMachine["backends"]): ProviderMachine {
  return { backends, hasAdapter: () => process.platform !== "linux" || hasGpuDevice() };
}

/** A software renderer is a Vulkan driver too, and slower than the CPU provider: what counts is a device. */
function hasGpuDevice(directory = "/dev/dri"): boolean {
  if (existsSync("/dev/nvidia0") || existsSync("/dev/dxg")) return true;
  return existsSync(directory) && readdirSync(directory).some((name) => name.startsWith("renderD"));
}

/**
 * A runtime whose sessions go on with the options `spare` when they fail: a GPU that is lost takes no segment with it,
 * since states lie in this process's memory. What fails there too is the caller's.
 *
 * @param onLost is told of the first failure
 */
export function withSpare(
  ort: OnnxRuntime,
  spare: InferenceSession.SessionOptions,
  onLost: (error: unknown) => void,
): OnnxRuntime {
  return {
    Tensor: ort.Tensor,
    InferenceSession: {
      async create(model, options) {
        let session = await ort.InferenceSession.create(model, options);
        const { inputMetadata, outputMetadata } = session;
        let lost = false;
        return {
          inputMetadata,
          outputMetadata,
          async run(feeds) {
            if (lost) return session.run(feeds);
            try {
              return await session.run(feeds);
            } catch (error) {
              lost = true;
              const old = session;
              session = await ort.InferenceSession.create(model, spare);
              onLost(error);
              // A device that is gone cannot be left in good order.
              await old.release().catch(() => undefined);
            }
            return session.run(feeds);
          },
          release: () => session.release(),
        };
      },
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
