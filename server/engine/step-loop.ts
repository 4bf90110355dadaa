// Runs steps for as long as segments have something due: commands in, one report for each step out.

import type { DecodedPart, StepResult } from "../../models/segment-decoder.ts";
import type { StepRow, StepRunner } from "../../models/step-runner.ts";
import { type EngineCommand, monotonicMs, type StepReport } from "./engine-command.ts";
import { MAX_TAIL_TOKENS } from "./engine-limits.ts";
import { OpenSegment } from "./open-segment.ts";
import { rowLimit, Scheduler } from "./scheduler.ts";

export interface StepLoopOptions {
  /** By the model's name. */
  runners: ReadonlyMap<string, StepRunner>;
  /** Rows of a step at most. */
  maxBatchSize: number;
  /** New tokens, and new chunks, of one row at most. */
  maxRowTokens: number;
  /** Before each step: lets in, through `handle`, what has arrived meanwhile. */
  gather(): void | Promise<void>;
  report(report: StepReport): void;
}

/** A row of a step under way. */
interface Turn {
  open: OpenSegment;
  row: StepRow;
  /** Chunks and positions of the state before the step. */
  chunks: number;
  positions: number;
  queueMs: number;
}

/**
 * While a step runs, what arrives waits and makes the next one together: batches grow with load and by themselves. An
 * idle loop starts at once, without a timer.
 */
export class StepLoop {
  readonly #options: StepLoopOptions;
  readonly #scheduler = new Scheduler();
  readonly #segments = new Map<number, OpenSegment>();
  /** Segments whose tails are to be told once there is nothing else to do, the oldest wish first. */
  readonly #tails = new Set<OpenSegment>();
  #underWay: ReadonlySet<OpenSegment> = new Set();
  #failures: StepReport["failures"] = [];
  #active = false;
  #lastRun: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: StepLoopOptions) {
    this.#options = options;
  }

  /** Bytes of state held for open segments. */
  get stateBytes(): number {
    let bytes = 0;
    for (const segment of this.#segments.values()) bytes += segment.bytes;
    return bytes;
  }

  /** Takes commands; `at` is when they were sent, on `monotonicMs`. */
  handle(commands: readonly EngineCommand[], at: number): void {
    if (this.#stopped) return;
    for (const command of commands) {
      try {
        this.#apply(command, at);
      } catch (error) {
        this.#fail(command.segment, error);
      }
    }
    if (this.#active) return;
    this.#active = true;
    this.#lastRun = this.#run();
  }

  /** Ends after the step under way, frees every segment; resolves when that is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#lastRun;
    for (const segment of [...this.#segments.keys()]) this.#free(segment);
  }

  #apply(command: EngineCommand, at: number): void {
    if (command.type === "open") {
      const { model, session, segment, wait, tail } = command;
      const runner = this.#options.runners.get(model);
      if (!runner) throw new RangeError(`there is no model "${model}" here`);
      this.#segments.set(segment, new OpenSegment({ model, session, segment }, runner, wait, tail));
      return;
    }
    const open = this.#segments.get(command.segment);
    if (!open) return;
    if (command.type === "cancel") {
      this.#free(command.segment);
      return;
    }
    if (command.type === "push") {
      open.read(command.ids, at);
      if (open.wantsTail) this.#tails.add(open);
    } else {
      open.end(at);
      this.#tails.delete(open);
    }
    // A segment whose step is under way is marked again when that is accepted: its state must not be in two rows.
    if (open.due > 0 && !this.#underWay.has(open)) this.#scheduler.mark(open.ready);
  }

  async #run(): Promise<void> {
    do {
      await this.#options.gather();
      const batchStart = monotonicMs();
      const turns = this.#stopped ? [] : this.#takeTurns(batchStart);
      if (turns.length > 0) await this.#step(turns, batchStart);
      else if (this.#failures.length > 0) this.#report([]);
      else if (this.#tails.size > 0 && !this.#stopped) await this.#stepTails();
    } while (!this.#stopped && this.#scheduler.size + this.#failures.length + this.#tails.size > 0);
    this.#active = false;
  }

  #takeTurns(now: number): Turn[] {
    const ready = this.#scheduler.take(this.#options.maxBatchSize).map(({ segment }) => this.#segments.get(segment)!);
    if (ready.length === 0) return [];
    const sizes = ready.map((open) => open.due);
    const limit = rowLimit(sizes, this.#options.maxRowTokens);
    return ready.flatMap((open) => {
      const [chunks, positions, queueMs] = [open.chunks, open.positions, now - (open.dueSince ?? now)];
      const row = open.next(limit);
      return row ? [{ open, row, chunks, positions, queueMs }] : [];
    });
  }

  async #step(turns: readonly Turn[], batchStart: number): Promise<void> {
    const { model } = turns[0].open.ready;
    this.#underWay = new Set(turns.map(({ open }) => open));
    const computeStart = monotonicMs();
    const results = await this.#runRows(this.#options.runners.get(model)!, turns);
    const computeEnd = monotonicMs();
    const computeMs = computeEnd - computeStart;
    this.#underWay = new Set();
    const outputs: StepReport["outputs"] = [];
    for (const [index, { open, queueMs }] of turns.entries()) {
      const parts = this.#accept(open, results[index], computeEnd);
      if (!parts) continue;
      const ids = parts.flatMap((part) => part.ids);
      const needs = parts[0]?.needs ?? 0;
      const { segment } = open.ready;
      const { done, tokensRead } = open;
      outputs.push({ segment, ids, tokensRead, needs, done, queueMs, computeMs, batchSize: turns.length });
      if (done) this.#free(segment);
      else if (open.due > 0) this.#scheduler.mark(open.ready);
    }
    this.#report(outputs, {
      model,
      batchSize: turns.length,
      tokens: turns.reduce((sum, { row }) => sum + row.tokens.length, 0),
      chunks: turns.reduce((sum, { row }) => sum + row.chunks.length, 0),
      queueMs: turns.map(({ queueMs }) => queueMs),
      batchMs: computeStart - batchStart,
      computeMs,
    });
  }

  /** One short step for tails of one model. It changes no segment, and where it fails nothing is told. */
  async #stepTails(): Promise<void> {
    const [first] = this.#tails;
    const { model } = first.ready;
    const tails: { open: OpenSegment; row: StepRow; idsOf: (result: StepResult) => number[] }[] = [];
    let room = MAX_TAIL_TOKENS;
    for (const open of this.#tails) {
      if (open.ready.model !== model) continue;
      const tail = open.tail(MAX_TAIL_TOKENS);
      const size = Math.max(tail?.row.tokens.length ?? 0, tail?.row.chunks.length ?? 0);
      if (size > room) {
        tail?.row.state.release();
        break;
      }
      this.#tails.delete(open);
      if (tail === undefined) continue;
      room -= size;
      tails.push({ open, ...tail });
    }
    if (tails.length === 0) return;
    this.#underWay = new Set(tails.map(({ open }) => open));
    const rows = tails.map(({ row }) => row);
    const results = await this.#options.runners
      .get(model)!
      .run(rows)
      .catch(() => []);
    this.#underWay = new Set();
    const told: StepReport["tails"] = [];
    for (const [index, { open, row, idsOf }] of tails.entries()) {
      row.state.release();
      if (open.cancelled) open.release();
      else if (open.due > 0) this.#scheduler.mark(open.ready);
      // What has been read meanwhile has a tail of its own.
      else if (results[index] !== undefined && !this.#tails.has(open)) {
        told.push({ segment: open.ready.segment, ids: idsOf(results[index]) });
      }
    }
    this.#report([], undefined, told);
  }

  /** What a row wrote; undefined when the segment was cancelled meanwhile or its row failed. */
  #accept(open: OpenSegment, result: StepResult | StepFailure, at: number): DecodedPart[] | undefined {
    if (open.cancelled) {
      open.release();
      return undefined;
    }
    try {
      if (result instanceof StepFailure) throw result.cause;
      return open.accept(result, at);
    } catch (error) {
      this.#fail(open.ready.segment, error);
      return undefined;
    }
  }

  /** A batch that fails is run again row by row, so that only the row at fault fails. */
  async #runRows(runner: StepRunner, turns: readonly Turn[]): Promise<(StepResult | StepFailure)[]> {
    try {
      return await runner.run(turns.map(({ row }) => row));
    } catch (cause) {
      if (turns.length === 1) return [new StepFailure(cause)];
      const results: (StepResult | StepFailure)[] = [];
      for (const turn of turns) results.push(await this.#runAlone(runner, turn, cause));
      return results;
    }
  }

  async #runAlone(runner: StepRunner, turn: Turn, cause: unknown): Promise<StepResult | StepFailure> {
    // A state that the failed step has already grown cannot take the same tokens twice.
    if (turn.open.positions !== turn.positions || turn.open.chunks !== turn.chunks) return new StepFailure(cause);
    try {
      const [result] = await runner.run([turn.row]);
      return result;
    } catch (error) {
      return new StepFailure(error);
    }
  }

  #fail(segment: number, cause: unknown): void {
    this.#free(segment);
    this.#failures.push({ segment, message: cause instanceof Error ? cause.message : String(cause) });
  }

  /** Forgets a segment. A state in a step under way is given back after it. */
  #free(segment: number): void {
    const open = this.#segments.get(segment);
    if (!open) return;
    this.#scheduler.remove(segment);
    this.#segments.delete(segment);
    this.#tails.delete(open);
    if (this.#underWay.has(open)) open.cancelled = true;
    else open.release();
  }

  #report(outputs: StepReport["outputs"], stats?: StepReport["stats"], tails?: StepReport["tails"]): void {
    const failures = this.#failures;
    this.#failures = [];
    this.#options.report({
      type: "report",
      outputs,
      failures,
      ...(tails && { tails }),
      stats,
      sentAt: monotonicMs(),
      queueDepth: this.#scheduler.size,
      stateBytes: this.stateBytes,
    });
  }
}

/** In place of a row's result. */
class StepFailure {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}
