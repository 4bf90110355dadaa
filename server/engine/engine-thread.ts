// A thread that runs steps, as the engine sees it, and the worker thread that is one.

import { Worker } from "node:worker_threads";
import type { ProviderSetting } from "../settings.ts";
import type { ThreadReply, ThreadRequest } from "./engine-command.ts";
import type { EngineLimits } from "./engine-limits.ts";
import type { GraphSnapshot } from "./graph-snapshot.ts";

export interface EngineThread {
  post(request: ThreadRequest): void;
  /** Ends the thread at once, whatever it does; `onExit` follows. */
  terminate(): void;
}

/** What a thread tells. `onExit` comes once, last; its reason is for the log. */
export interface ThreadListener {
  onReply(reply: ThreadReply): void;
  onExit(reason: string): void;
}

export type SpawnThread = (listener: ThreadListener) => EngineThread;

/** What `worker.ts` is started with. */
export interface WorkerData extends EngineLimits {
  bundles: GraphSnapshot[];
  provider: ProviderSetting;
}

/** Starts the script at `url` as a worker thread. Its port is open at once: requests wait in it until it listens. */
export function spawnWorker(url: URL, data: unknown, listener: ThreadListener): EngineThread {
  const worker = new Worker(url, { workerData: data, name: "souffleur-engine" });
  let reason: string | undefined;
  worker.on("message", (reply: ThreadReply) => listener.onReply(reply));
  worker.on("messageerror", (error) => {
    reason ??= `a message could not be read: ${error.message}`;
    void worker.terminate();
  });
  worker.on("error", (error) => {
    reason ??= error instanceof Error ? (error.stack ?? error.message) : String(error);
  });
  worker.on("exit", (code) => listener.onExit(reason ?? `exit code ${code}`));
  return {
    post: (request) => worker.postMessage(request),
    terminate: () => void worker.terminate(),
  };
}

/**
 * The built script beside this file: in `dist/` always, because threads do not read TypeScript.
 *
 * @param name of the script in `server/engine`, without its extension
 */
export function builtScript(name: string, from: string = import.meta.url): URL {
  return from.endsWith(".ts") ? new URL(`../../dist/server/engine/${name}.js`, from) : new URL(`./${name}.js`, from);
}
