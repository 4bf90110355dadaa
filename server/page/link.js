// The connection to the server: opens a stream, opens it again after a loss, and says in plain words what went wrong.

/** How each close code is told and whether the page connects again by itself (the server's table). */
const CLOSES = {
  1000: { text: "The stream is complete.", again: true },
  1001: { text: "The server is restarting.", again: true },
  1008: { text: "The server refused the stream.", again: false },
  1009: { text: "That was too much text in one piece for the server.", again: false },
  1011: { text: "The server had a fault.", again: true },
  1013: { text: "The server is busy.", again: true },
};
const LOST = { text: "The connection was lost.", again: true };

/** What an error means to the person at the page; the server's own message follows where it helps. */
const ERRORS = {
  bad_message: "The server did not understand this page",
  bad_request: "The server did not accept that",
  unauthorized: "This server asks for a key, and this page has none.",
  forbidden_origin: "The server takes no streams from this page's address.",
  unsupported_pair: "The server has no model for these languages",
  too_large: "That was too much text in one piece for the server.",
  rate_limited: "That was too much text in too short a time.",
  overloaded: "The server has all the speakers it can serve at the moment.",
  slow_consumer: "This page could not keep up with the translation.",
  shutting_down: "The server is restarting.",
  internal: "The server had a fault.",
};

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
/** A connection that held this long starts the backoff anew. */
const STEADY_MS = 5_000;
const END_TIMEOUT_MS = 4_000;

/**
 * @typedef {"connecting" | "ready" | "ending" | "waiting" | "asleep" | "refused"} LinkState
 * @typedef {{ source: string, target: string | string[], wait?: number | "full", model?: string, room?: string,
 *   key?: string }} Settings
 * @typedef {{ text: string, retry: boolean }} Problem `retry`: offer to connect now
 */

export class Link {
  /** @type {LinkState} */
  state = "connecting";
  #url;
  #listener;
  /** @type {Settings | undefined} */
  #settings;
  /** @type {WebSocket | undefined} */
  #socket;
  #attempts = 0;
  /** Nothing follows the stream that is ending. */
  #closing = false;
  #timer = 0;
  #steadyTimer = 0;
  /** @type {{ code: string, message: string, retryAfter?: number } | undefined} the fatal error that came before a close */
  #fatal;

  /**
   * @param {URL} url of the stream
   * @param {{ state: (state: LinkState) => void, message: (message: any) => void, lost: () => void,
   *   problem: (problem: Problem | undefined) => void }} listener `lost`: what was sent and is not settled is gone
   */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
  }

  /**
   * Opens the stream with these settings; an open one is ended first, so that its last words still come.
   * @param {Settings} settings
   */
  open(settings) {
    this.#settings = settings;
    if (this.state === "ready") return this.#end();
    if (this.state !== "ending") this.#connect();
  }

  /** Drops the stream with all that is under way, and opens a new one. */
  restart() {
    this.#leave();
    this.#listener.lost();
    this.#attempts = 0;
    this.#connect();
  }

  /** Ends the stream for good; its last words still come. */
  close() {
    if (this.state !== "ready") {
      this.#leave();
      return this.#become("asleep");
    }
    this.#closing = true;
    this.#end();
  }

  /** Connects now where the link is waiting, asleep or refused. */
  wake() {
    if (this.state === "waiting" || this.state === "asleep" || this.state === "refused") this.#connect();
  }

  /** Lets the stream go with all that is under way; nothing is told of it. */
  leave() {
    this.#leave();
    this.#attempts = 0;
    this.state = "connecting";
  }

  /** @param {object} message only while the state is "ready" */
  send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  #connect() {
    this.#leave();
    this.#fatal = undefined;
    this.#closing = false;
    this.#become("connecting");
    const socket = new WebSocket(this.#url, "souffleur.v1");
    this.#socket = socket;
    socket.onopen = () => this.send({ type: "start", ...this.#settings, timings: true });
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => this.#closed(event.code);
  }

  #end() {
    this.send({ type: "end" });
    this.#become("ending");
    this.#timer = setTimeout(() => (this.#closing ? this.#closed(1000) : this.restart()), END_TIMEOUT_MS);
  }

  /** @param {string} data */
  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return this.#listener.problem({ text: "The server sent something this page does not understand.", retry: false });
    }
    if (message.type === "error") return this.#receiveError(message);
    if (message.type === "ready") {
      this.#steadyTimer = setTimeout(() => {
        this.#attempts = 0;
      }, STEADY_MS);
      this.#listener.problem(undefined);
      this.#become("ready");
    }
    this.#listener.message(message);
  }

  /** @param {{ code: string, message: string, fatal: boolean, retryAfter?: number }} error */
  #receiveError(error) {
    if (error.fatal) {
      this.#fatal = error;
      return;
    }
    this.#listener.problem({ text: plainWords(error), retry: false });
  }

  /** @param {number} code */
  #closed(code) {
    const ended = this.state === "ending";
    this.#leave();
    this.#listener.lost();
    if (this.#closing) return this.#become("asleep");
    if (ended && this.#fatal === undefined) return this.#connect();
    if (this.#fatal?.code === "idle_timeout") return this.#become("asleep");
    const close = CLOSES[/** @type {keyof typeof CLOSES} */ (code)] ?? LOST;
    const text = this.#fatal === undefined ? close.text : plainWords(this.#fatal);
    if (!close.again) {
      this.#listener.problem({ text, retry: true });
      return this.#become("refused");
    }
    const backoffMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempts) * (0.75 + Math.random() / 2);
    const delayMs = Math.max(backoffMs, (this.#fatal?.retryAfter ?? 0) * 1000);
    this.#attempts += 1;
    this.#listener.problem({ text: `${text} Connecting again ${inTime(delayMs)}.`, retry: true });
    this.#become("waiting");
    this.#timer = setTimeout(() => this.#connect(), delayMs);
  }

  /** Lets go of the socket and the timers, whatever state they are in. */
  #leave() {
    clearTimeout(this.#timer);
    clearTimeout(this.#steadyTimer);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    if (socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }

  /** @param {LinkState} state */
  #become(state) {
    this.state = state;
    this.#listener.state(state);
  }
}

/** @param {{ code: string, message: string }} error */
function plainWords(error) {
  const words = ERRORS[/** @type {keyof typeof ERRORS} */ (error.code)] ?? "The server reports a problem";
  return words.endsWith(".") ? words : `${words}: ${error.message}${/[.!?]$/u.test(error.message) ? "" : "."}`;
}

/** @param {number} ms */
function inTime(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 1) return "in a moment";
  return seconds === 1 ? "in 1 second" : `in ${seconds} seconds`;
}
