// The stream without a server: the same messages as a connection's, to a worker on this device that holds the model.
import { keepPage } from "./offline.js";

const INSECURE = "Translating on this device needs https, or a server on this machine.";
const NOT_KEPT = "This device has no room to keep the model: it translates now, and fetches the model again next time.";

/** What a failure of the worker means to the person at the page. @type {Record<string, (reason: string) => string>} */
const FAILURES = {
  "no-simd": () =>
    "This browser cannot translate on the device: its WebAssembly has no SIMD instructions. A newer browser has them.",
  damaged: (reason) => `The model arrived damaged and was not used: ${reason}.`,
  unreachable: () => "The model is not on this device, and the server cannot be reached.",
  unusable: (reason) => `The model cannot run on this device: ${reason}.`,
};

/**
 * @typedef {import("./link.js").LinkState} LinkState
 * @typedef {import("./link.js").Settings} Settings
 * @typedef {import("./link.js").Problem} Problem
 * @typedef {{ revision: string, page: string[] }} Index what the server hands out; the worker reads the rest of it
 */

/** Stands in the place of a `Link`. */
export class DeviceLink {
  /** @type {LinkState} */
  state = "connecting";
  #root;
  #listener;
  /** @type {Settings | undefined} */
  #settings;
  /** @type {Worker | undefined} */
  #worker;
  /** Counts openings: what an earlier one has still to do is in vain. */
  #turn = 0;
  /** What still comes from a stream before the one that was asked for is not for anybody. */
  #listening = false;
  /** @type {Problem | undefined} */
  #warning;

  /**
   * @param {URL} root of the server
   * @param {{ state: (state: LinkState) => void, message: (message: any) => void, lost: () => void,
   *   problem: (problem: Problem | undefined) => void, progress: (share: number) => void }} listener as a `Link`'s;
   *   `progress`: how much of the model is here, 0 to 1
   */
  constructor(root, listener) {
    this.#root = root;
    this.#listener = listener;
  }

  /** @param {Settings} settings */
  open(settings) {
    this.#settings = settings;
    if (this.state !== "ready" && this.state !== "ending") return void this.#connect();
    if (this.state === "ready") this.send({ type: "end" });
    this.#become("ending");
  }

  restart() {
    this.leave();
    this.#listener.lost();
    void this.#connect();
  }

  wake() {
    if (this.state === "refused") void this.#connect();
  }

  leave() {
    this.#turn += 1;
    this.#listening = false;
    this.#worker?.postMessage({ type: "drop" });
    this.state = "connecting";
  }

  /** @param {object} message only while the state is "ready" */
  send(message) {
    this.#worker?.postMessage({ type: "frame", frame: JSON.stringify(message) });
  }

  async #connect() {
    this.#turn += 1;
    const turn = this.#turn;
    this.#listening = false;
    this.#become("connecting");
    this.#listener.problem(undefined);
    if (!isSecureContext) return this.#fail({ text: INSECURE, retry: false });
    const index = await this.#fetchIndex();
    if (turn !== this.#turn) return;
    if (index === undefined) return this.#fail({ text: FAILURES.unreachable(""), retry: true });
    this.#worker ??= this.#start();
    const { model, ...settings } = /** @type {Settings} */ (this.#settings);
    const start = JSON.stringify({ type: "start", ...settings, timings: true });
    this.#worker.postMessage({ type: "open", base: this.#root.href, index, model, start });
    try {
      await keepPage(this.#root, index);
      await navigator.storage.persist();
    } catch {
      this.#warn();
    }
  }

  /** @returns {Promise<Index | undefined>} */
  async #fetchIndex() {
    try {
      const response = await fetch(new URL("device/index.json", this.#root));
      return response.ok ? await response.json() : undefined;
    } catch {
      return undefined;
    }
  }

  #start() {
    const worker = new Worker(new URL("device/worker.js", this.#root));
    worker.onmessage = ({ data }) => this.#receive(data);
    worker.onerror = (event) => {
      this.#worker = undefined;
      worker.terminate();
      this.#fail({ text: FAILURES.unusable(event.message || "its script does not load"), retry: true });
    };
    return worker;
  }

  /** @param {any} reply */
  #receive(reply) {
    if (reply.type === "progress") {
      if (this.state === "connecting") this.#listener.progress(reply.loaded / reply.total);
    } else if (reply.type === "not-kept") {
      this.#warn();
    } else if (reply.type === "failed") {
      this.#fail({ text: FAILURES[reply.failure](reply.reason), retry: reply.failure !== "no-simd" });
    } else if (reply.type === "message") {
      this.#receiveMessage(reply.message);
    } else if (reply.type === "closed" && this.#listening) {
      this.#closed();
    }
  }

  /** @param {any} message */
  #receiveMessage(message) {
    if (message.type === "ready") {
      this.#listening = true;
      this.#listener.problem(this.#warning);
      this.#become("ready");
    }
    if (!this.#listening) return;
    if (message.type === "error") {
      return this.#listener.problem({ text: `The model did not take that: ${message.message}.`, retry: false });
    }
    this.#listener.message(message);
  }

  /** The stream has ended, because new settings were asked for, or because the model failed. */
  #closed() {
    const ended = this.state === "ending";
    this.#listener.lost();
    if (ended) return void this.#connect();
    this.#become("refused");
  }

  #warn() {
    this.#warning = { text: NOT_KEPT, retry: false };
    if (this.state === "ready") this.#listener.problem(this.#warning);
  }

  /** @param {Problem} problem */
  #fail(problem) {
    this.#listening = false;
    this.#listener.problem(problem);
    this.#become("refused");
  }

  /** @param {LinkState} state */
  #become(state) {
    this.state = state;
    this.#listener.state(state);
  }
}
