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
  /** Those in which it has no place, and waits to resume a session that has. */
  readonly #holding: Budget[] = [];
  #caller: Caller;
  #refusal: ProtocolError | undefined;
  #resumable = false;

  /**
   * @param now milliseconds, monotonic
   * @param refusal why there is no room for a new session: it may resume one, and takes no place of its own
   * @throws ProtocolError `forbidden_origin`, `unauthorized` for a credential that is not good, `rate_limited` where its
   * address or key has no room and no session that it could resume
   */
  constructor(admission: Admission, shown: Shown, now: () => number, refusal?: ProtocolError) {
    this.#admission = admission;
    this.#now = now;
    this.#messages = new TokenBucket({ perSecond: MESSAGES_PER_SECOND, burst: MESSAGES_BURST }, now());
    this.#caller = admission.meet(shown);
    this.#refusal = refusal;
    if (refusal !== undefined) return;
    try {
      this.#enter(admission.budgetOfAddress(this.#caller, now()));
      this.#enter(admission.budgetOfKey(this.#caller, now()));
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  /** Why it may do nothing but resume a session; undefined where it may open one. */
  get refusal(): ProtocolError | undefined {
    return this.#refusal;
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
    const budget = this.#admission.budgetOfKey(caller, this.#now());
    const refusal = budget?.enter(this.#now());
    if (refusal !== undefined) throw refusal;
    if (budget !== undefined) this.#budgets.push(budget);
    this.#caller = caller;
  }

  /**
   * Whether it may go on with the session of another visit: both are of one key, or of none where none is needed.
   * @param credential what `resume` shows; it takes no place among the key's sessions
   * @throws ProtocolError `unauthorized`
   */
  mayTakeOver(other: Visit, credential?: string): boolean {
    if (credential !== undefined && !this.known) {
      this.#caller = { ...this.#caller, holder: this.#admission.verify(credential) };
    }
    if (!this.admitted) throw new ProtocolError("unauthorized", "this server needs a key");
    return this.#caller.holder?.key === other.#caller.holder?.key;
  }

  /** Its session can be resumed from now on: where there is no room, a connection may wait to do so. */
  canBeResumed(): void {
    this.#resumable = true;
    for (const budget of this.#budgets) budget.countResumable(1);
  }

  /** It goes on with another visit's session: its own place, taken when it came, is free again. */
  giveBack(): void {
    for (const budget of this.#budgets) budget.giveBack("sessions", 1);
    this.leave();
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

  /** Called when the session is over, or the connection of none is gone. */
  leave(): void {
    for (const budget of this.#budgets.splice(0)) {
      budget.leave();
      if (this.#resumable) budget.countResumable(-1);
    }
    for (const budget of this.#holding.splice(0)) budget.letGo();
  }

  #take(counted: Counted, amount: number): ProtocolError | undefined {
    return takeOfAll(this.#budgets, counted, amount, this.#now());
  }

  #enter(budget: Budget | undefined): void {
    if (budget === undefined) return;
    const refusal = budget.enter(this.#now());
    if (refusal === undefined) {
      this.#budgets.push(budget);
      return;
    }
    if (!budget.hold()) throw refusal;
    this.#holding.push(budget);
    this.#refusal = refusal;
  }
}
