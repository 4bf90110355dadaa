// Who may come in: the page's origin, the credential that is shown, and the address behind trusted proxies.

import { AFFINITY_PARAMETER } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { type Budget, type BudgetLimits, Budgets, takeOfAll } from "./budget.ts";
import type { Caller, CredentialVerifier, Holder, Shown } from "./caller.ts";
import { clientAddress } from "./client-address.ts";
import { WordCount } from "./word-count.ts";

/** The query parameter that a key or token comes in, where that is allowed. */
const KEY_PARAMETER = "key";
/** The one that a token comes in: it is short-lived, so that it may stand in a log. */
const TOKEN_PARAMETER = "token";

export interface AdmissionOptions {
  /** Asked in turn. Empty: anyone may come in, and credentials are not looked at. */
  verifiers: readonly CredentialVerifier[];
  /** Whether `?key=` is read. URLs are written to the logs of proxies. */
  keyInQuery: boolean;
  /** Origins whose pages may come in; empty: all. Who sends no origin is no page. */
  allowedOrigins: readonly string[];
  /** Proxies in front of the server that append to `X-Forwarded-For`. */
  trustedProxies: number;
  /** What each key and each address may use. */
  keyLimits: BudgetLimits;
  addressLimits: BudgetLimits;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #keyBudgets: Budgets;
  readonly #addressBudgets: Budgets;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#keyBudgets = new Budgets("this key", options.keyLimits);
    this.#addressBudgets = new Budgets("this address", options.addressLimits);
  }

  /** Whether a credential is needed. */
  get closed(): boolean {
    return this.#options.verifiers.length > 0;
  }

  /**
   * Who a request is from. Where no credential is shown the caller has no holder: a stream may show one in `start`, an
   * HTTP request may not (`identify`).
   *
   * @throws ProtocolError `forbidden_origin`, `unauthorized` for a credential that is not good
   */
  meet(shown: Shown): Caller {
    this.#checkOrigin(shown.origin);
    const { peer, forwardedFor } = shown;
    const address = clientAddress(peer, forwardedFor, this.#options.trustedProxies);
    if (!this.closed) return { address, holder: undefined };
    const credential = this.#credentialOf(shown);
    return { address, holder: credential === undefined ? undefined : this.verify(credential) };
  }

  /**
   * Who a request is from that has no later message to show a credential in.
   *
   * @throws ProtocolError `forbidden_origin`, `unauthorized`
   */
  identify(shown: Shown): Caller {
    const caller = this.meet(shown);
    if (!this.admits(caller)) throw new ProtocolError("unauthorized", `this server needs a key: ${HOW_TO_SHOW_ONE}`);
    if (caller.holder?.token !== undefined)
      throw new ProtocolError("unauthorized", "tokens open streams: this needs a key");
    return caller;
  }

  /** @throws ProtocolError `unauthorized` */
  verify(credential: string): Holder {
    for (const verifier of this.#options.verifiers) {
      const holder = verifier.verify(credential);
      if (holder !== undefined) return holder;
    }
    throw new ProtocolError("unauthorized", "this key is not known here, or this token has expired");
  }

  /** Whether the caller may use the server now: false before a credential was shown, and when its key was taken back. */
  admits({ holder }: Caller): boolean {
    if (!this.closed) return true;
    return holder !== undefined && this.#options.verifiers.some((verifier) => verifier.stands(holder));
  }

  /** Undefined where addresses are not limited. */
  budgetOfAddress({ address }: Caller, now: number): Budget | undefined {
    return this.#addressBudgets.of(address, now);
  }

  /** Undefined where keys are not limited, or none was shown. */
  budgetOfKey({ holder }: Caller, now: number): Budget | undefined {
    return holder && this.#keyBudgets.of(holder.key, now);
  }

  /**
   * A request's texts are to be translated.
   *
   * @throws ProtocolError `rate_limited`
   */
  charge(caller: Caller, texts: readonly string[], now: number): void {
    const budgets = [this.budgetOfAddress(caller, now), this.budgetOfKey(caller, now)].filter(
      (one) => one !== undefined,
    );
    const words = texts.reduce((sum, text) => sum + new WordCount().of(text), 0);
    const refusal = takeOfAll(budgets, "messages", 1, now) ?? takeOfAll(budgets, "words", words, now);
    if (refusal !== undefined) throw refusal;
  }

  /** @throws ProtocolError `unauthorized` where the caller's token is not for these languages, or for this room */
  checkScope({ holder }: Caller, source: string, targets: readonly string[], room?: string): void {
    const { token } = holder ?? {};
    if (token === undefined) return;
    if (token.room !== undefined && token.room !== room) {
      throw new ProtocolError("unauthorized", `this token is for the room ${token.room}`, { field: "room" });
    }
    const wrongSource = token.source !== undefined && token.source !== source;
    const wrongTarget =
      token.target !== undefined && targets.some((target) => token.target?.includes(target) === false);
    if (!wrongSource && !wrongTarget) return;
    const scope = `${token.source ?? "any language"} to ${token.target?.join(", ") ?? "any language"}`;
    throw new ProtocolError("unauthorized", `this token is for ${scope}`, { field: wrongSource ? "source" : "target" });
  }

  #checkOrigin(origin: string): void {
    const { allowedOrigins } = this.#options;
    if (origin === "" || allowedOrigins.length === 0 || allowedOrigins.includes(origin)) return;
    throw new ProtocolError("forbidden_origin", "pages of this origin may not use this server");
  }

  #credentialOf({ authorization, query }: Shown): string | undefined {
    if (authorization !== "") {
      const bearer = /^bearer +(\S+) *$/i.exec(authorization)?.[1];
      if (bearer === undefined) throw new ProtocolError("unauthorized", "authorization must be `Bearer` and a key");
      return bearer;
    }
    const token = new URLSearchParams(query).get(TOKEN_PARAMETER) ?? "";
    if (token !== "") return token;
    const inQuery = new URLSearchParams(query).get(KEY_PARAMETER) ?? "";
    if (inQuery === "") return undefined;
    if (this.#options.keyInQuery) return inQuery;
    throw new ProtocolError("unauthorized", `keys in the query string are not taken here: ${HOW_TO_SHOW_ONE}`);
  }
}

const HOW_TO_SHOW_ONE = "send the header `authorization: Bearer KEY`";

/** The query string without what is no setting: the credential, and what a load balancer goes by. */
export function onlySettings(query: string): string {
  const others = [KEY_PARAMETER, TOKEN_PARAMETER, AFFINITY_PARAMETER];
  if (!others.some((name) => query.includes(name))) return query;
  const parameters = new URLSearchParams(query);
  for (const name of others) parameters.delete(name);
  return parameters.toString();
}
