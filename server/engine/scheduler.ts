// Who is in the next step: fair turns between sessions, and between models. Pure: marks in, batches out.

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

/** What a step costs before its first position, in positions of one row (measured: 1.5 ms against 0.75 ms). */
const STEP_OVERHEAD = 2;

/**
 * The most new tokens or chunks that each row of the next step should bring. Rows are padded to the longest, so one row
 * with a long text would make the step long for all; cut, it goes on in later steps, which cost their overhead. Of all
 * ways to run these rows to their end, this is the first cut of the cheapest.
 *
 * @param sizes the new positions that each row could bring
 * @param maxRowTokens the most that is ever given, which bounds the time one step can take
 */
export function rowLimit(sizes: readonly number[], maxRowTokens: number): number {
  const lengths = sizes.map((size) => Math.max(1, Math.min(size, maxRowTokens)));
  const cuts = [...new Set(lengths)].sort((a, b) => a - b);
  /** For each cut, from the last: the cost of all that is left of the rows after it. */
  const costs = cuts.map(() => 0);
  let first = cuts.length - 1;
  for (let from = cuts.length - 2; from >= -1; from--) {
    const start = cuts[from] ?? 0;
    const rows = lengths.filter((length) => length > start).length;
    let least = Number.POSITIVE_INFINITY;
    for (let to = from + 1; to < cuts.length; to++) {
      const cost = STEP_OVERHEAD + rows * (cuts[to] - start) + costs[to];
      if (cost > least) continue;
      least = cost;
      first = to;
    }
    if (from >= 0) costs[from] = least;
  }
  return cuts[first];
}
