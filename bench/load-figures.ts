// What the load generator counts, over all streams.
import { z } from "zod";
import { Histogram } from "./histogram.ts";

export const summarySchema = z
  .object({
    count: z.number(),
    mean: z.number(),
    p50: z.number(),
    p95: z.number(),
    p99: z.number(),
    max: z.number(),
  })
  .nullable();

/** Histograms (milliseconds) and counts while a load runs; `LoadSummary` says what each means. */
export class LoadFigures {
  readonly wordLatency = new Histogram();
  readonly firstDelta = new Histogram();
  readonly firstDeltaLatency = new Histogram();
  readonly final = new Histogram();
  readonly connect = new Histogram();
  readonly sendLateness = new Histogram();
  readonly server = { latency: new Histogram(), queue: new Histogram(), compute: new Histogram() };
  readonly counts = { wordsSent: 0, wordsFinal: 0, deltas: 0, finals: 0 };
  readonly violations = { sequence: 0, text: 0, read: 0, frame: 0, segment: 0 };
  readonly errors: Record<string, number> = {};

  countError(code: string): void {
    this.errors[code] = (this.errors[code] ?? 0) + 1;
  }

  summary(): LoadSummary {
    const { latency, queue, compute } = this.server;
    return {
      wordLatencyMs: this.wordLatency.summary(),
      firstDeltaMs: this.firstDelta.summary(),
      firstDeltaLatencyMs: this.firstDeltaLatency.summary(),
      finalMs: this.final.summary(),
      connectMs: this.connect.summary(),
      serverMs: { latency: latency.summary(), queue: queue.summary(), compute: compute.summary() },
      ...this.counts,
      violations: { ...this.violations },
      errors: { ...this.errors },
    };
  }
}

/**
 * Every client-side time ends when the frame arrived and begins when a word was *due* by the plan, not when it was
 * sent: had the generator or the server stalled, the time waited counts (no coordinated omission). Latencies of words
 * due in the warm-up are left out; counts are of the whole run.
 */
export const loadSummarySchema = z.object({
  /** One for each delta: since the word was due that is the last one the delta had read (its `read` in its segment). */
  wordLatencyMs: summarySchema,
  /** One for each segment with a delta: since its first word was due, so the wait and the speaker's pace are in it. */
  firstDeltaMs: summarySchema,
  /** The same deltas, since the last word was due that they had read: without the wait and the speaker's pace. */
  firstDeltaLatencyMs: summarySchema,
  /** One for each segment: from its last word and commit (or the end), due together, to its final. */
  finalMs: summarySchema,
  /** One for each stream: from opening the socket to `ready`. */
  connectMs: summarySchema,
  /** What the server says of its deltas, where it sends timings. */
  serverMs: z.object({ latency: summarySchema, queue: summarySchema, compute: summarySchema }),
  wordsSent: z.number(),
  /** Source words in finals. */
  wordsFinal: z.number(),
  deltas: z.number(),
  finals: z.number(),
  /**
   * Broken promises of the protocol: a `seq` that is not one more than the last; a final's text that is not its deltas
   * joined; a `read` of no word or of words not sent; an unreadable frame; a frame for a segment already final.
   */
  violations: z.object({
    sequence: z.number(),
    text: z.number(),
    read: z.number(),
    frame: z.number(),
    segment: z.number(),
  }),
  /** Error frames by code, closes as `close 1013`, failed connections by reason. */
  errors: z.record(z.string(), z.number()),
});

export type LoadSummary = z.infer<typeof loadSummarySchema>;
