// A token bucket: so much a second, and so much at once. Pure: the time is given.

export interface BucketSize {
  perSecond: number;
  /** What a bucket that was left alone holds. */
  burst: number;
}

export class TokenBucket {
  readonly #size: BucketSize;
  #tokens: number;
  #at: number;

  /** @param now milliseconds of a monotonic clock, as everywhere here */
  constructor(size: BucketSize, now: number) {
    this.#size = size;
    this.#tokens = size.burst;
    this.#at = now;
  }

  /**
   * Takes tokens, all or none; more than a full bucket holds are taken from a full one, which then owes the rest.
   *
   * @returns 0 where they were taken, else the seconds until they can be
   */
  take(tokens: number, now: number): number {
    this.#fill(now);
    const needed = Math.min(tokens, this.#size.burst);
    // A little less is as good: what is added up from fractions may miss by one of them.
    if (this.#tokens < needed - 1e-6) return (needed - this.#tokens) / this.#size.perSecond;
    this.#tokens -= tokens;
    return 0;
  }

  /** Puts tokens back that were taken for something that was refused after all. */
  giveBack(tokens: number): void {
    this.#tokens = Math.min(this.#size.burst, this.#tokens + tokens);
  }

  /** Whether it is as good as new: nothing is remembered of who took from it. */
  full(now: number): boolean {
    this.#fill(now);
    return this.#tokens >= this.#size.burst;
  }

  #fill(now: number): void {
    const { perSecond, burst } = this.#size;
    this.#tokens = Math.min(burst, this.#tokens + (Math.max(0, now - this.#at) / 1000) * perSecond);
    this.#at = Math.max(this.#at, now);
  }
}
