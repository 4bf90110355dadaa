// How long work waits and takes now, as an average that forgets: what decides whether there is room for one more.

/** What was measured so long ago counts half. */
const HALF_LIFE_MS = 1_000;
/** The most that one measurement counts: a single slow step is no load. */
const WEIGHT_MAX = 0.2;

export class LoadGauge {
  #averageMs = 0;
  #at: number | undefined;

  /** @param now milliseconds of a monotonic clock */
  record(latencyMs: number, now: number): void {
    const age = this.#at === undefined ? HALF_LIFE_MS : now - this.#at;
    const weight = Math.min(WEIGHT_MAX, 1 - 0.5 ** (age / HALF_LIFE_MS));
    this.#averageMs = this.valueMs(now) * (1 - weight) + latencyMs * weight;
    this.#at = now;
  }

  /** Sinks while nothing is measured: where nothing runs, nothing is late. */
  valueMs(now: number): number {
    // For a moment after a measurement it stands: under load there is one every few milliseconds.
    const idle = this.#at === undefined ? 0 : Math.max(0, now - this.#at - HALF_LIFE_MS);
    return this.#averageMs * 0.5 ** (idle / HALF_LIFE_MS);
  }

  /** Seconds after which it is worth trying again, given the most that is wanted: the later, the further past it. */
  retryAfter(limitMs: number, now: number): number {
    return Math.min(30, Math.max(1, Math.ceil(2 * Math.log2(1 + this.valueMs(now) / limitMs))));
  }
}
