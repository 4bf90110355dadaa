// What one key or one address may use: words, messages and new sessions, each by a bucket, and sessions open at once.
import { ProtocolError } from "../protocol/protocol-error.ts";
import { TokenBucket } from "./token-bucket.ts";

/** 0 is no limit. */
export interface BudgetLimits {
  wordsPerMinute: number;
  messagesPerSecond: number;
  sessionsPerMinute: number;
  sessionsAtOnce: number;
}

export const NO_LIMITS: Readonly<BudgetLimits> = {
  wordsPerMinute: 0,
  messagesPerSecond: 0,
  sessionsPerMinute: 0,
  sessionsAtOnce: 0,
};

/** A bucket holds what flows in in so many seconds. */
const BURST_SECONDS = { words: 60, messages: 10, sessions: 60 } as const;

export type Counted = keyof typeof BURST_SECONDS;

export class Budget {
  readonly #whose: string;
  readonly #buckets: Partial<Record<Counted, TokenBucket>>;
  readonly #sessionsAtOnce: number;
  #open = 0;
  /** Of the open ones, those that another connection may go on with; connections that wait to do so without a place. */
  #resumable = 0;
  #held = 0;

  /** @param whose for messages: "this key", "this address" */
  constructor(whose: string, limits: BudgetLimits, now: number) {
    this.#whose = whose;
    this.#sessionsAtOnce = limits.sessionsAtOnce;
    const bucket = (counted: Counted, perSecond: number) =>
      perSecond > 0 && { [counted]: new TokenBucket({ perSecond, burst: perSecond * BURST_SECONDS[counted] }, now) };
    this.#buckets = {
      ...bucket("words", limits.wordsPerMinute / 60),
      ...bucket("messages", limits.messagesPerSecond),
      ...bucket("sessions", limits.sessionsPerMinute / 60),
    };
  }

  /** The error that says when to come again, where the budget has not so much left. */
  take(counted: Counted, amount: number, now: number): ProtocolError | undefined {
    const seconds = this.#buckets[counted]?.take(amount, now) ?? 0;
    if (seconds === 0) return undefined;
    const message = `${this.#whose} has sent too many ${counted} in too short a time`;
    return new ProtocolError("rate_limited", message, { retryAfter: Math.max(1, Math.ceil(seconds)), fatal: false });
  }

  giveBack(counted: Counted, amount: number): void {
    this.#buckets[counted]?.giveBack(amount);
  }

  /** A session begins; the error where there are too many, or too many new ones. */
  enter(now: number): ProtocolError | undefined {
    if (this.#sessionsAtOnce > 0 && this.#open >= this.#sessionsAtOnce) {
      const message = `${this.#whose} has ${this.#open} sessions open, which is all it may have`;
      return new ProtocolError("rate_limited", message, { retryAfter: 5 });
    }
    const refusal = this.take("sessions", 1, now);
    if (refusal === undefined) this.#open++;
    // Nothing can follow it: there is no session.
    return refusal && new ProtocolError(refusal.code, refusal.message, { retryAfter: refusal.retryAfter });
  }

  leave(): void {
    this.#open--;
  }

  /** One of its sessions can be resumed from now on, or no longer. */
  countResumable(change: 1 | -1): void {
    this.#resumable += change;
  }

  /** Whether a connection for which there is no room may wait to resume: one for each session that can be resumed. */
  hold(): boolean {
    if (this.#held >= this.#resumable) return false;
    this.#held++;
    return true;
  }

  letGo(): void {
    this.#held--;
  }

  /** Whether there is nothing to remember. */
  untouched(now: number): boolean {
    return this.#open === 0 && Object.values(this.#buckets).every((bucket) => bucket.full(now));
  }
}

/** The budgets of everyone of a kind, each made when it is first asked for and forgotten when it is whole again. */
export class Budgets {
  readonly #whose: string;
  readonly #limits: BudgetLimits;
  readonly #budgets = new Map<string, Budget>();
  #sweepAt = 0;

  constructor(whose: string, limits: BudgetLimits) {
    this.#whose = whose;
    this.#limits = limits;
  }

  get size(): number {
    return this.#budgets.size;
  }

  /** Undefined where nothing is limited. */
  of(name: string, now: number): Budget | undefined {
    if (Object.values(this.#limits).every((limit) => limit === 0)) return undefined;
    this.#sweep(now);
    let budget = this.#budgets.get(name);
    if (budget === undefined) {
      budget = new Budget(this.#whose, this.#limits, now);
      this.#budgets.set(name, budget);
    }
    return budget;
  }

  /** Once a minute: those who come from ever new addresses must not fill the memory. A full bucket takes a minute at most. */
  #sweep(now: number): void {
    if (now < this.#sweepAt) return;
    this.#sweepAt = now + 60_000;
    for (const [name, budget] of this.#budgets) if (budget.untouched(now)) this.#budgets.delete(name);
  }
}

/** Takes from each budget, or from none. */
export function takeOfAll(
  budgets: readonly Budget[],
  counted: Counted,
  amount: number,
  now: number,
): ProtocolError | undefined {
  for (const [index, budget] of budgets.entries()) {
    const refusal = budget.take(counted, amount, now);
    if (refusal === undefined) continue;
    for (const before of budgets.slice(0, index)) before.giveBack(counted, amount);
    return refusal;
  }
  return undefined;
}
