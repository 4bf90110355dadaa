// Speaks a plan into a server over WebSockets and measures what comes back; runs in a process of its own.
import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { setImmediate, setTimeout } from "node:timers/promises";
import { z } from "zod";
import { LoadFigures, loadSummarySchema, summarySchema } from "./load-figures.ts";
import { LoadPlan } from "./load-plan.ts";
import { LoadStream } from "./load-stream.ts";
import { StreamTracker } from "./stream-tracker.ts";

export const generatorOptionsSchema = z.object({
  url: z.string(),
  streams: z.int().positive(),
  wordsPerMinute: z.number().positive(),
  seconds: z.number().positive(),
  /** Latencies of words due in the first seconds are left out. */
  warmupSeconds: z.number().min(0),
  /** How long to wait for `done` after the last word. */
  drainSeconds: z.number().positive(),
  source: z.string(),
  target: z.string(),
  wait: z.union([z.int().positive(), z.literal("full")]).optional(),
  /** Sends `commit` with the last word of each sentence; else the server finds the ends by itself. */
  commit: z.boolean(),
  sentences: z.array(z.string()),
});

export type GeneratorOptions = z.infer<typeof generatorOptionsSchema>;

export const generatorResultSchema = z.object({
  summary: loadSummarySchema,
  /** Streams that were opened. */
  connected: z.number(),
  /** Streams that ended with `done`. */
  completed: z.number(),
  /** Words that the plan had for the opened streams. */
  wordsPlanned: z.number(),
  generator: z.object({
    /** Processor time by wall time while words were sent; 1 is a whole core. */
    cpuShare: z.number(),
    /** How late the event loop came round, beyond the 10 ms it is looked at in. */
    eventLoopLagMs: z.object({ p50: z.number(), p99: z.number(), max: z.number() }),
    /** How late words were sent: it is part of the latencies, since those count from when a word was due. */
    sendLatenessMs: summarySchema,
  }),
});

export type GeneratorResult = z.infer<typeof generatorResultSchema>;

/** `connected`: all streams wait for the first word. `measuring`: the warm-up is over. `spoken`: the last word is out. */
const phaseSchema = z.enum(["connected", "measuring", "spoken"]);

export type GeneratorPhase = z.infer<typeof phaseSchema>;

/** What the generator's process says to its parent; at `connected` it waits for any message back. */
export const generatorMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("phase"), phase: phaseSchema }),
  z.object({ type: z.literal("result"), result: generatorResultSchema }),
  z.object({ type: z.literal("failure"), message: z.string() }),
]);

export type GeneratorMessage = z.infer<typeof generatorMessageSchema>;

const CONNECT_AT_ONCE = 64;
/** Words sent before what has arrived is looked at again. */
const SEND_AT_ONCE = 64;
const LOOP_RESOLUTION_MS = 10;

/**
 * Opens the streams, speaks, ends each with its last word, and waits for what is left.
 *
 * @param onPhase is awaited at `connected`, before the first word
 * @throws Error when no stream could be opened, with the first reason
 */
export async function runGenerator(
  options: GeneratorOptions,
  onPhase: (phase: GeneratorPhase) => Promise<void>,
): Promise<GeneratorResult> {
  const plan = new LoadPlan(options);
  const figures = new LoadFigures();
  let startedAt = Number.NaN;
  const now = () => performance.now() - startedAt;
  const streams = await connect(options, plan, figures, now);
  await onPhase("connected");

  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  const cpuBefore = process.cpuUsage();
  startedAt = performance.now();
  await speak(options, plan, streams, figures, now, () => onPhase("measuring"));
  const wallMs = now();
  const cpu = process.cpuUsage(cpuBefore);
  loop.disable();
  await onPhase("spoken");

  const open = streams.filter((stream) => stream !== undefined);
  await Promise.race([
    Promise.all(open.map((stream) => stream.closed)),
    setTimeout(options.drainSeconds * 1000, undefined, { ref: false }),
  ]);
  for (const stream of open) stream.abandon();
  const lagMs = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - LOOP_RESOLUTION_MS);
  return {
    summary: figures.summary(),
    connected: open.length,
    completed: open.filter((stream) => stream.done).length,
    wordsPlanned: open.length * plan.wordsPerStream,
    generator: {
      cpuShare: (cpu.user + cpu.system) / 1000 / wallMs,
      eventLoopLagMs: { p50: lagMs(loop.percentile(50)), p99: lagMs(loop.percentile(99)), max: lagMs(loop.max) },
      sendLatenessMs: figures.sendLateness.summary(),
    },
  };
}

/** The streams in the plan's order; undefined where one could not be opened, which is counted. */
async function connect(
  options: GeneratorOptions,
  plan: LoadPlan,
  figures: LoadFigures,
  now: () => number,
): Promise<(LoadStream | undefined)[]> {
  const { url, source, target, wait } = options;
  const streams: (LoadStream | undefined)[] = [];
  let failure: Error | undefined;
  const open = async (index: number) => {
    const tracker = new StreamTracker({
      dueMs: (word) => plan.dueMs(index, word),
      warmupMs: options.warmupSeconds * 1000,
      figures,
    });
    const stream = new LoadStream({ url, start: { source, target, wait }, tracker, figures, now });
    try {
      await stream.ready();
      streams[index] = stream;
    } catch (error) {
      failure ??= error instanceof Error ? error : new Error(String(error));
      figures.countError(`connect: ${error instanceof Error ? error.message : String(error)}`);
      streams[index] = undefined;
    }
  };
  for (let first = 0; first < options.streams; first += CONNECT_AT_ONCE) {
    const count = Math.min(CONNECT_AT_ONCE, options.streams - first);
    await Promise.all(Array.from({ length: count }, (_, offset) => open(first + offset)));
    if (failure !== undefined && streams.every((stream) => stream === undefined)) {
      throw new Error(`no stream could be opened at ${url}: ${failure.message}`, { cause: failure });
    }
  }
  return streams;
}

async function speak(
  options: GeneratorOptions,
  plan: LoadPlan,
  streams: readonly (LoadStream | undefined)[],
  figures: LoadFigures,
  now: () => number,
  onMeasuring: () => Promise<void>,
): Promise<void> {
  const frames = new Map<string, string>();
  let measuring = false;
  for (let number = 0; number < plan.words; number++) {
    const { stream, word, dueMs, text, endsSentence } = plan.at(number);
    let frame = frames.get(text);
    if (frame === undefined) {
      frame = JSON.stringify({ type: "text", text });
      frames.set(text, frame);
    }
    if (dueMs <= now() && number % SEND_AT_ONCE === 0) await setImmediate();
    // A timer can fire a fraction of a millisecond early; a word never is.
    for (let early = dueMs - now(); early > 0; early = dueMs - now()) await setTimeout(Math.ceil(early));
    if (!measuring && dueMs >= options.warmupSeconds * 1000) {
      measuring = true;
      await onMeasuring();
    }
    if (measuring) figures.sendLateness.record(Math.max(0, now() - dueMs));
    streams[stream]?.speak(frame, endsSentence && options.commit);
    // With its last word, so that the flush of an unfinished sentence counts from that word.
    if (word === plan.wordsPerStream - 1) streams[stream]?.end();
  }
}
