// The engine's worker thread: loads the bundles' step graphs with onnxruntime-node and serves steps. Starts on import.

import { parentPort, workerData } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import { openGraphs } from "../../models/student-model.ts";
import type { WorkerData } from "./engine-thread.ts";
import { copyGraphs } from "./graph-snapshot.ts";
import { type LoadedModel, serveSteps } from "./step-server.ts";

async function loadModels({ bundles, provider }: WorkerData): Promise<LoadedModel[]> {
  const models: LoadedModel[] = [];
  for (const bundle of bundles) {
    const { manifest } = bundle;
    const runner = await openGraphs(ort, copyGraphs(bundle), {
      executionProviders: [provider],
      graphOptimizationLevel: "all",
      // One worker is one core: threads inside a step would compete with the other workers.
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: "sequential",
      // A pattern is kept for each combination of input shapes, and ours hardly ever repeat.
      enableMemPattern: false,
    });
    models.push({
      info: { model: manifest.name, provider, precision: manifest.precision },
      runner,
      release: () => runner.release(),
    });
  }
  return models;
}

if (!parentPort) throw new Error("worker.js runs as a worker thread only");
const data: WorkerData = workerData;
await serveSteps(parentPort, data, () => loadModels(data));
