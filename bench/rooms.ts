// `souffleur bench rooms`: one speaks in a room, thousands watch; server, speaker and viewers each in processes of their own.
import { type ChildProcess, fork } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import WebSocket from "ws";
import { builtFile } from "./built-file.ts";
import { SENTENCES } from "./fixtures/sentences.ts";
import { Histogram, type Summary } from "./histogram.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { type ProcessUsage, readProcessUsage } from "./process-usage.ts";
import { type CrowdOptions, type CrowdResult, crowdMessageSchema } from "./room-crowd.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

export interface RoomsOptions {
  viewers: number;
  /** Processes that the viewers are shared out to. */
  processes: number;
  wordsPerMinute: number;
  seconds: number;
  source: string;
  target: string;
  /** Servers that the viewers are shared out to; of several, `serveArguments` must name a NATS between them. */
  servers: number;
  /** Arguments for the `serve` of each server that is started. */
  serveArguments?: readonly string[];
}

export interface RoomsResult {
  machine: Machine;
  options: Omit<RoomsOptions, "serveArguments">;
  /** From when the room takes a delta to when a viewer's process has it, over all viewers and deltas. Milliseconds. */
  latencyMs: Summary | null;
  /** Frames that viewers were sent: deltas, finals, and the room's state. */
  frames: number;
  /** Frames of the room that viewers did not get, and viewers that were cut off. */
  missed: number;
  cutOff: number;
  /** The number of the room's last frame; the least that any viewer got to. */
  lastSeq: number;
  leastSeq: number;
  /** The speaker's. */
  server: { cpuShare: number; rssBytes: number } | null;
}

const ROOM = "bench";
const SETTLE_MS = 2_000;

/**
 * Starts the servers, fills a room, speaks on the first, and says how late viewers were.
 * @throws Error where a server does not start, or a viewer cannot come in
 * @throws RangeError where there is no text in the source language
 */
export async function benchRooms(
  options: RoomsOptions,
  onProgress: (line: string) => void = () => {},
): Promise<RoomsResult> {
  const { serveArguments = [], ...rest } = options;
  const { viewers, processes, servers: count, seconds, source, target } = options;
  const sentences = SENTENCES[source];
  if (sentences === undefined) throw new RangeError(`no text in "${source}" comes with the benchmark`);
  const servers: ServerProcess[] = [];
  const crowds: Crowd[] = [];
  try {
    for (let index = 0; index < count; index++) {
      servers.push(await startServer(["--room-viewers", String(viewers), "--log-level", "error", ...serveArguments]));
    }
    const [server] = servers;
    for (let index = 0; index < processes; index++) {
      const share = Math.floor(viewers / processes) + (index < viewers % processes ? 1 : 0);
      const url = `${servers[index % count].url}/v1/rooms/${ROOM}?target=${encodeURIComponent(target)}`;
      crowds.push(new Crowd({ url, viewers: share }));
    }
    await Promise.all(crowds.map(({ connected }) => connected));
    onProgress(`${viewers} viewers are in the room`);
    const speaker = await Speaker.open(`${server.url}/v1/stream?source=${source}&target=${target}&room=${ROOM}`);
    await setTimeout(SETTLE_MS);
    for (const crowd of crowds) crowd.order("measure");
    const before = await readProcessUsage(server.pid);
    const beganAt = performance.now();
    await speaker.speak(sentences, options);
    const after = await readProcessUsage(server.pid);
    const spokenMs = performance.now() - beganAt;
    onProgress(`${seconds} s were spoken`);
    await setTimeout(SETTLE_MS);
    for (const crowd of crowds) crowd.order("end");
    const results = await Promise.all(crowds.map(({ result }) => result));
    speaker.leave();
    const usage = before && after && cpuOf(before, after, spokenMs);
    return { machine: describeMachine(), options: rest, ...merged(results, speaker.messages), server: usage ?? null };
  } finally {
    for (const crowd of crowds) crowd.stop();
    await Promise.all(servers.map((one) => one.stop()));
  }
}

function cpuOf(before: ProcessUsage, after: ProcessUsage, ms: number): RoomsResult["server"] {
  return { cpuShare: (after.cpuMs - before.cpuMs) / ms, rssBytes: after.rssBytes };
}

/** @param lastSeq deltas and finals of the only language: the room numbers them from 1 */
function merged(results: readonly CrowdResult[], lastSeq: number) {
  const histogram = new Histogram();
  for (const { tenths } of results) {
    for (const [value, count] of tenths) for (let index = 0; index < count; index++) histogram.record(value / 10);
  }
  const sum = (of: (result: CrowdResult) => number) => results.reduce((total, result) => total + of(result), 0);
  return {
    latencyMs: histogram.summary(),
    frames: sum(({ frames }) => frames),
    missed: sum(({ missed }) => missed),
    cutOff: sum(({ cutOff }) => cutOff),
    lastSeq,
    leastSeq: Math.min(...results.map(({ leastSeq }) => leastSeq)),
  };
}

/** A process of viewers. */
class Crowd {
  readonly connected: Promise<void>;
  readonly result: Promise<CrowdResult>;
  readonly #child: ChildProcess;

  constructor(options: CrowdOptions) {
    const child = fork(builtFile("bench/rooms-worker.js"), [], { execArgv: [] });
    this.#child = child;
    const ended = new Promise<never>((_, reject) => {
      child.once("error", reject);
      child.once("exit", () => reject(new Error("a process of viewers ended early")));
    });
    let tellConnected = () => {};
    const told = new Promise<CrowdResult>((resolve, reject) => {
      child.on("message", (data) => {
        const message = crowdMessageSchema.parse(data);
        if (message.type === "connected") tellConnected();
        else if (message.type === "result") resolve(message.result);
        else reject(new Error(message.message));
      });
    });
    this.result = Promise.race([told, ended]);
    // Whoever waits for it hears of it; before that nobody does.
    this.result.catch(() => {});
    const connecting = new Promise<void>((resolve) => {
      tellConnected = resolve;
    });
    this.connected = Promise.race([connecting, this.result.then(() => {})]);
    child.send(options);
  }

  order(order: "measure" | "end"): void {
    this.#child.send(order);
  }

  stop(): void {
    this.#child.kill();
  }
}

/** The one who speaks, and what it was answered. */
class Speaker {
  /** Deltas and finals. */
  messages = 0;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(url: string): Promise<Speaker> {
    const socket = new WebSocket(url, "souffleur.v1");
    const speaker = new Speaker(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("close", (code) => reject(new Error(`the speaker was refused (${code})`)));
      socket.on("message", (data) => {
        const { type } = JSON.parse(String(data));
        if (type === "ready") resolve();
        if (type === "delta" || type === "final") speaker.messages += 1;
      });
    });
    return speaker;
  }

  /** Words at their times, none waiting for another. */
  async speak(sentences: readonly string[], { wordsPerMinute, seconds }: RoomsOptions): Promise<void> {
    const words = sentences.flatMap((sentence) => sentence.split(" "));
    const beganAt = performance.now();
    for (let index = 0; ; index++) {
      const dueMs = (index * 60_000) / wordsPerMinute;
      if (dueMs >= seconds * 1000) return;
      await setTimeout(Math.max(0, beganAt + dueMs - performance.now()));
      this.#socket.send(JSON.stringify({ type: "text", text: `${words[index % words.length]} ` }));
    }
  }

  leave(): void {
    this.#socket.terminate();
  }
}

/** The result as text. */
export function formatRoomsResult({ machine, options, latencyMs, server, ...seen }: RoomsResult): string {
  const { viewers, processes, servers, wordsPerMinute, seconds } = options;
  const of = servers === 1 ? "" : `, ${servers} servers`;
  const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  const late =
    latencyMs &&
    `p50 ${ms(latencyMs.p50)}  p95 ${ms(latencyMs.p95)}  p99 ${ms(latencyMs.p99)}  max ${ms(latencyMs.max)}`;
  return [
    `${viewers} viewers in ${processes} processes${of}, ${wordsPerMinute} words a minute, ${seconds} s; ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}`,
    `delta to viewer   ${late ?? "nothing came"}`,
    `frames            ${seen.frames}, ${seen.missed} missed, ${seen.cutOff} viewers cut off; every viewer has ${seen.leastSeq} of ${seen.lastSeq}`,
    ...(server === null
      ? []
      : [
          `server            ${Math.round(server.cpuShare * 100)} % of a core, ${Math.round(server.rssBytes / 1e6)} MB`,
        ]),
  ].join("\n");
}
