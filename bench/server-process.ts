// A server of our own for a benchmark: `souffleur serve` in another process, on a free port.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { builtFile } from "./built-file.ts";

export interface ServerProcess {
  pid: number;
  /** Where streams are opened: ws://127.0.0.1:port. */
  url: string;
  /** Asks it to stop, and kills it after ten seconds. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;
/** Of its output, what is shown when it does not start. */
const TAIL_CHARACTERS = 2000;

/**
 * Starts `souffleur serve --port <free port>` and waits until `/readyz` says that it is.
 *
 * @param serveArguments further arguments of `serve`
 * @throws Error with the end of the server's output when it ends, or is not ready in a minute
 */
export async function startServer(serveArguments: readonly string[]): Promise<ServerProcess> {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [builtFile("cli/main.js"), "serve", "--port", String(port), ...serveArguments],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let tail = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      tail = (tail + text).slice(-TAIL_CHARACTERS);
    });
  }
  // Ours to end, however we end.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  try {
    await untilReady(child, `http://127.0.0.1:${port}/readyz`);
  } catch (error) {
    kill();
    throw new Error(
      `the server did not start: ${error instanceof Error ? error.message : String(error)}\n${tail}`.trim(),
    );
  }
  if (child.pid === undefined) throw new Error("the server did not start");
  return { pid: child.pid, url: `ws://127.0.0.1:${port}`, stop: () => stop(child) };
}

async function untilReady(child: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  const ended = once(child, "exit").then(() => true);
  while (Date.now() < deadline) {
    if (await isReady(url)) return;
    if (await Promise.race([ended, setTimeout(POLL_MS, false)])) {
      throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`);
    }
  }
  throw new Error(`not ready after ${START_TIMEOUT_MS / 1000} s`);
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(1000) })).ok;
  } catch {
    return false;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = globalThis.setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
