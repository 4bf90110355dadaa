// One connection's stay: who it is, and since when it has owed a credential.
import type { Admission } from "./admission.ts";
import type { Caller, Shown } from "./caller.ts";

export class Visit {
  readonly #admission: Admission;
  #caller: Caller;

  /** @throws ProtocolError `forbidden_origin`, `unauthorized` for a credential that is not good */
  constructor(admission: Admission, shown: Shown) {
    this.#admission = admission;
    this.#caller = admission.meet(shown);
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

  /** @throws ProtocolError `unauthorized` */
  show(credential: string): void {
    if (this.known) return;
    this.#caller = { ...this.#caller, holder: this.#admission.verify(credential) };
  }
}
