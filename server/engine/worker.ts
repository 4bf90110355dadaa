// The engine's worker thread: loads the bundles' step graphs with onnxruntime-node and serves steps. Starts on import.

import { parentPort, workerData } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import { openGraphs } from "../../models/student-model.ts";
import type { WorkerData } from "./engine-thread.ts";
import { copyGraphs } from "./graph-snapshot.ts";
import { openOnProvider, type Provider, thisMachine, withSpare } from "./provider.ts";
import { type LoadedModel, type ProviderNews, serveSteps } from "./step-server.ts";

const optionsOf = (provider: Provider): ort.InferenceSession.SessionOptions => ({
  executionProviders: [provider],
  graphOptimizationLevel: "all",
  // One worker is one core: threads inside a step would compete with the other workers.
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  // A pattern is kept for each combination of input shapes, and ours hardly ever repeat.
  enableMemPattern: false,
  // The runtime warns of every small operator that it leaves to the CPU.
  ...(provider !== "cpu" && { logSeverityLevel: 3 as const }),
});

async function loadModels({ bundles, provider: setting }: WorkerData, tell: ProviderNews): Promise<LoadedModel[]> {
  const models: LoadedModel[] = [];
  for (const bundle of bundles) {
    const { manifest } = bundle;
    const onLost = (from: Provider) => (error: unknown) => {
      tell.moved({
        model: manifest.name,
        from,
        to: "cpu",
        reason: error instanceof Error ? error.message : String(error),
      });
    };
    const opened = await openOnProvider(setting, thisMachine(ort.listSupportedBackends), (provider) => {
      const runtime = provider === "cpu" ? ort : withSpare(ort, optionsOf("cpu"), onLost(provider));
      return openGraphs(runtime, copyGraphs(bundle), optionsOf(provider));
    });
    const { model: runner, provider, passed } = opened;
    models.push({
      info: { model: manifest.name, provider, precision: manifest.precision },
      passed,
      runner,
      release: () => runner.release(),
    });
  }
  return models;
}

if (!parentPort) throw new Error("worker.js runs as a worker thread only");
const data: WorkerData = workerData;
await serveSteps(parentPort, data, (tell) => loadModels(data, tell));
