// One connection's stay: who it is, whether it may stay, and what it uses up of its own, its address' and its key's budget.
import { MESSAGES_BURST, MESSAGES_PER_SECOND } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { Admission } from "./admission.ts";
import { type Budget, type Counted, takeOfAll } from "./budget.ts";
import type { Caller, Shown } from "./caller.ts";
import { TokenBucket } from "./token-bucket.ts";
import { WordCount } from "./word-count.ts";

export class Visit {
  readonly #admission: Admission;
  readonly #now: () => number;
  readonly #messages: TokenBucket;
  readonly #words = new WordCount();
  /** Its address', then its key's. */
  readonly #budgets: Budget[] = [];
  #caller: Caller;

  /**
   * @param now milliseconds, monotonic
   * @throws ProtocolError `forbidden_origin`, `unauthorized` for a credential that is not good, `rate_limited`
   */
  constructor(admission: Admission, shown: Shown, now: () => number) {
    this.#admission = admission;
    this.#now = now;
    this.#messages = new TokenBucket({ perSecond: MESSAGES_PER_SECOND, burst: MESSAGES_BURST }, now());
    this.#caller = admission.meet(shown);
    this.#enter(admission.budgetOfAddress(this.#caller, now()));
    try {
      this.#enter(admission.budgetOfKey(this.#caller, now()));
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  get caller(): Caller {
    return this.#caller;
  }

  /** Whether it may use the server now: not before a credential was shown, nor once its key was taken back. */
  get admitted(): boolean {
    return this.#admission.admits(this.#caller);
  }

  /** Whether it had shown a good credential, or needed none. */
  get known(): boolean {
    return !this.#admission.closed || this.#caller.holder !== undefined;
  }

  /** @throws ProtocolError `unauthorized`, `rate_limited` */
  show(credential: string): void {
    if (this.known) return;
    const caller = { ...this.#caller, holder: this.#admission.verify(credential) };
    this.#enter(this.#admission.budgetOfKey(caller, this.#now()));
    this.#caller = caller;
  }

  /** @throws ProtocolError `unauthorized` where its token is not for these languages, or for this room */
  checkScope(source: string, targets: readonly string[], room?: string): void {
    this.#admission.checkScope(this.#caller, source, targets, room);
  }

  /** A message has come; the error where it was one too many. */
  message(): ProtocolError | undefined {
    const seconds = this.#messages.take(1, this.#now());
    if (seconds === 0) return this.#take("messages", 1);
    const message = `a stream may send ${MESSAGES_PER_SECOND} messages a second`;
    return new ProtocolError("rate_limited", message, { retryAfter: Math.max(1, Math.ceil(seconds)), fatal: false });
  }

  /** Text has come; the error where its words are too many: then it must not be translated. */
  text(text: string): ProtocolError | undefined {
    if (this.#budgets.length === 0) return undefined;
    return this.#take("words", this.#words.of(text));
  }

  /** The segment has ended: what comes next begins a word. */
  commit(): void {
    this.#words.cut();
  }

  /** Called once, when the connection is gone. */
  leave(): void {
    for (const budget of this.#budgets.splice(0)) budget.leave();
  }

  #take(counted: Counted, amount: number): ProtocolError | undefined {
    return takeOfAll(this.#budgets, counted, amount, this.#now());
  }

  #enter(budget: Budget | undefined): void {
    if (budget === undefined) return;
    const refusal = budget.enter(this.#now());
    if (refusal !== undefined) throw refusal;
    this.#budgets.push(budget);
  }
}
