// Tokens a second of a student on one thread: sessions that read on as soon as they may, so that every step is full.
import type { StepRow, StepRunner } from "../models/step-runner.ts";
import type { Wait } from "../models/wait.ts";
import { DEFAULT_ENGINE_LIMITS } from "../server/engine/engine-limits.ts";
import { OpenSegment } from "../server/engine/open-segment.ts";
import { rowLimit } from "../server/engine/scheduler.ts";
import { median } from "./percentile.ts";

/** A sentence as a session reads it: the token ids of each word. */
export type WordIds = readonly (readonly number[])[];

/** What a session is given at once: a speaker's next word, or a sentence that is there already. */
export const READINGS = ["word", "sentence"] as const;
export type Reading = (typeof READINGS)[number];

export interface ThroughputOptions {
  reading: Reading;
  /** Sessions, each with one row in every step. */
  batchSize: number;
  wait: Wait;
  /** Source ids before each sentence's own: tags. */
  prefix: readonly number[];
  warmupSeconds: number;
  seconds: number;
}

export interface Throughput {
  /** Source tokens read, ends of sentences and tags included, and target tokens written, in a second. */
  sourceTokensPerSecond: number;
  targetTokensPerSecond: number;
  /** Source words in a second: what two vocabularies can be compared by. */
  wordsPerSecond: number;
  /** Median, from handing over the last word and the end to the last token; undefined where no sentence ended. */
  flushMs: number | undefined;
  /** Mean time of a step, and target tokens for each source token: why the figures are as they are. */
  stepMs: number;
  targetTokensPerSourceToken: number;
}

const MODEL = "model";

/**
 * Runs the engine's segments, scheduling limits and batches over `sentences`, which the sessions read in turn, each from
 * another one on. Steps that begin in the warm-up are left out.
 *
 * @param now a clock in milliseconds
 * @throws RangeError without a sentence that has a word
 */
export async function measureThroughput(
  runner: StepRunner,
  sentences: readonly WordIds[],
  { reading, batchSize, wait, prefix, warmupSeconds, seconds }: ThroughputOptions,
  now: () => number = () => performance.now(),
): Promise<Throughput> {
  const spoken = sentences.filter((words) => words.length > 0);
  if (spoken.length === 0) throw new RangeError("there is nothing to read: no sentence has a word");
  const stride = Math.max(1, Math.floor(spoken.length / batchSize));
  const readers = Array.from(
    { length: batchSize },
    (_, session) =>
      new Reader(runner, { session, reading, wait, prefix, spoken, next: (session * stride) % spoken.length }),
  );
  const start = now();
  let steps = 0;
  let measuredMs = 0;
  let before = countsOf(readers);
  for (let at = start; at < start + (warmupSeconds + seconds) * 1000; ) {
    if (steps === 0) before = countsOf(readers);
    for (const reader of readers) reader.readOn(at, steps > 0);
    const limit = rowLimit(
      readers.map(({ due }) => due),
      DEFAULT_ENGINE_LIMITS.maxRowTokens,
    );
    const results = await runner.run(readers.map((reader) => reader.row(limit)));
    const end = now();
    for (const [place, reader] of readers.entries()) reader.accept(results[place]!, end);
    if (at >= start + warmupSeconds * 1000) {
      steps += 1;
      measuredMs += end - at;
    }
    at = end;
  }
  const after = countsOf(readers);
  for (const reader of readers) reader.release();
  const perSecond = (count: number) => (count * 1000) / measuredMs;
  const target = after.target - before.target;
  const source = after.source - before.source;
  const flushes = readers.flatMap(({ flushes: own }) => own);
  return {
    sourceTokensPerSecond: perSecond(source),
    targetTokensPerSecond: perSecond(target),
    wordsPerSecond: perSecond(after.words - before.words),
    flushMs: flushes.length === 0 ? undefined : median(flushes),
    stepMs: measuredMs / steps,
    targetTokensPerSourceToken: target / source,
  };
}

interface Counts {
  source: number;
  target: number;
  words: number;
}

function countsOf(readers: readonly Reader[]): Counts {
  const total = (of: (reader: Reader) => number) => readers.reduce((sum, reader) => sum + of(reader), 0);
  return {
    source: total(({ source }) => source),
    target: total(({ target }) => target),
    words: total(({ words }) => words),
  };
}

interface ReaderOptions {
  session: number;
  reading: Reading;
  wait: Wait;
  prefix: readonly number[];
  spoken: readonly WordIds[];
  /** The sentence that it begins with. */
  next: number;
}

/** One session: a segment after another, its words one by one or all at once, as soon as nothing is due of those before. */
class Reader {
  readonly flushes: number[] = [];
  source = 0;
  target = 0;
  words = 0;
  readonly #runner: StepRunner;
  readonly #options: ReaderOptions;
  #next: number;
  #sentence: WordIds = [];
  #word = 0;
  #segment: OpenSegment;
  #row: StepRow | undefined;
  #endedAt: number | undefined;

  constructor(runner: StepRunner, options: ReaderOptions) {
    this.#runner = runner;
    this.#options = options;
    this.#next = options.next;
    this.#segment = this.#open();
  }

  get due(): number {
    return this.#segment.due;
  }

  /** Reads until something is due. @param measured whether a flush that begins here counts. */
  readOn(at: number, measured: boolean): void {
    while (this.#segment.due === 0) {
      if (this.#segment.done) {
        this.#segment.release();
        this.#segment = this.#open();
      }
      const left = this.#options.reading === "word" ? 1 : this.#sentence.length;
      for (const word of this.#sentence.slice(this.#word, this.#word + left)) {
        this.#segment.read(word, at);
        this.#word += 1;
        this.words += 1;
      }
      if (this.#word < this.#sentence.length) continue;
      this.#segment.end(at);
      this.#endedAt = measured ? at : undefined;
    }
  }

  row(limit: number): StepRow {
    this.#row = this.#segment.next(limit);
    if (this.#row === undefined) throw new Error("a segment with something due has nothing to run");
    this.source += this.#row.tokens.length;
    return this.#row;
  }

  accept(result: Parameters<OpenSegment["accept"]>[0], at: number): void {
    for (const { ids } of this.#segment.accept(result, at)) this.target += ids.length;
    if (!this.#segment.done) return;
    if (this.#endedAt !== undefined) this.flushes.push(at - this.#endedAt);
    this.#endedAt = undefined;
  }

  release(): void {
    this.#segment.release();
  }

  #open(): OpenSegment {
    const { session, spoken, wait, prefix } = this.#options;
    this.#sentence = spoken[this.#next]!;
    this.#next = (this.#next + 1) % spoken.length;
    this.#word = 0;
    const segment = new OpenSegment({ model: MODEL, session, segment: session }, this.#runner, wait);
    if (prefix.length > 0) segment.read(prefix, 0);
    return segment;
  }
}
