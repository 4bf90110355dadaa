// Who is in the next step: fair turns between sessions, and between models. Pure: marks in, batches out.

import { MAX_STEP_TOKENS } from "./engine-limits.ts";

/** A segment with something to run. */
export interface ReadySegment {
  /** A step runs one model. */
  model: string;
  session: number;
  segment: number;
}

/** A model's sessions that have ready segments, oldest turn first, each with its segments in order. */
type Ring = Map<number, ReadySegment[]>;

export class Scheduler {
  /** The model whose turn it is comes first. */
  readonly #rings = new Map<string, Ring>();
  readonly #ready = new Map<number, ReadySegment>();

  /** Segments that wait for a step. */
  get size(): number {
    return this.#ready.size;
  }

  /** Marks a segment; does nothing when it is marked. A session new to the ring goes to its end. */
  mark(ready: ReadySegment): void {
    if (this.#ready.has(ready.segment)) return;
    this.#ready.set(ready.segment, ready);
    let ring = this.#rings.get(ready.model);
    if (!ring) {
      ring = new Map();
      this.#rings.set(ready.model, ring);
    }
    const segments = ring.get(ready.session);
    if (segments) segments.push(ready);
    else ring.set(ready.session, [ready]);
  }

  /** Takes a segment's mark back. */
  remove(segment: number): void {
    const ready = this.#ready.get(segment);
    if (!ready) return;
    this.#ready.delete(segment);
    const ring = this.#rings.get(ready.model)!;
    const left = ring.get(ready.session)!.filter((other) => other !== ready);
    if (left.length > 0) ring.set(ready.session, left);
    else ring.delete(ready.session);
    if (ring.size === 0) this.#rings.delete(ready.model);
  }

  /**
   * Takes the next batch, all of one model: a segment of each session by turns, then second segments where there is
   * room. Models take turns, and so do sessions: whoever was served goes to the end.
   */
  take(maxBatchSize: number): ReadySegment[] {
    const [first] = this.#rings;
    if (!first) return [];
    const [model, ring] = first;
    const batch: ReadySegment[] = [];
    // A session that is put back at the end is met again when all the others have had their turn.
    for (const [session, segments] of ring) {
      if (batch.length === maxBatchSize) break;
      const ready = segments.shift()!;
      batch.push(ready);
      this.#ready.delete(ready.segment);
      ring.delete(session);
      if (segments.length > 0) ring.set(session, segments);
    }
    this.#rings.delete(model);
    if (ring.size > 0) this.#rings.set(model, ring);
    return batch;
  }
}

/**
 * The most new tokens or chunks that each row of the next step should bring. A row costs what it brings, not what the
 * longest brings, so all bring what they have as long as the step stays short; if it would not, the long ones are cut and
 * go on in later steps.
 *
 * @param sizes the new positions that each row could bring
 * @param maxRowTokens the most that is ever given
 */
export function rowLimit(sizes: readonly number[], maxRowTokens: number): number {
  const lengths = sizes.map((size) => Math.max(1, Math.min(size, maxRowTokens)));
  let limit = Math.max(...lengths);
  while (limit > 1 && totalWithin(lengths, limit) > MAX_STEP_TOKENS) limit -= 1;
  return limit;
}

const totalWithin = (lengths: readonly number[], limit: number): number =>
  lengths.reduce((total, length) => total + Math.min(length, limit), 0);
