// The thread's side: a step loop behind a message port.

import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { StepRunner } from "../../models/step-runner.ts";
import type { EngineModelInfo } from "./engine.ts";
import type { ProviderMove, ThreadReply, ThreadRequest } from "./engine-command.ts";
import type { EngineLimits } from "./engine-limits.ts";
import type { PassedProvider } from "./provider.ts";
import { StepLoop } from "./step-loop.ts";

/** A model that is loaded. */
export interface LoadedModel {
  info: EngineModelInfo;
  /** Providers that were tried before the one that it runs on. */
  passed?: readonly PassedProvider[];
  runner: StepRunner;
  release(): Promise<void>;
}

/** Told while models are open. */
export interface ProviderNews {
  /** A model has lost its provider and goes on with another. */
  moved(move: ProviderMove): void;
}

/** Loads the models, says so, and serves the port until it is told to stop. What came meanwhile has waited in the port. */
export async function serveSteps(
  port: MessagePort,
  limits: EngineLimits,
  load: (tell: ProviderNews) => Promise<LoadedModel[]>,
): Promise<void> {
  const reply = (message: ThreadReply) => port.postMessage(message);
  let models: LoadedModel[];
  try {
    models = await load({ moved: (move) => reply({ type: "moved", ...move }) });
  } catch (error) {
    reply({ type: "failed", message: error instanceof Error ? error.message : String(error) });
    port.close();
    return;
  }
  const loop = new StepLoop({
    maxBatchSize: limits.maxBatchSize,
    maxRowTokens: limits.maxRowTokens,
    runners: new Map(models.map(({ info, runner }) => [info.model, runner])),
    gather: () => {
      for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) handle(next.message);
    },
    report: reply,
  });
  const handle = (request: ThreadRequest): void => {
    switch (request.type) {
      case "commands":
        loop.handle(request.commands, request.sentAt);
        break;
      case "ping":
        reply({ type: "pong" });
        break;
      case "stop":
        void stop();
        break;
    }
  };
  const stop = async (): Promise<void> => {
    await loop.stop();
    for (const model of models) await model.release();
    port.close();
  };
  port.on("message", handle);
  reply({ type: "ready", models: models.map(({ info }) => info), passed: models[0]?.passed ?? [] });
}
