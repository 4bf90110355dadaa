// A viewer's connection to a room: comes again after a loss, and says what it has, so that no line is lost or shown twice.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
const STEADY_MS = 5_000;

/** What ends the page's trying, in plain words; everything else is tried again. */
const REFUSALS = {
  unauthorized: "This room is not open to everyone: its viewers need a key.",
  forbidden_origin: "The server shows its rooms on other pages only.",
  bad_request: "There is no room of this name here.",
};

/**
 * @typedef {"connecting" | "ready" | "waiting" | "refused"} RoomLinkState
 * @typedef {{ state: (state: RoomLinkState, text: string) => void, message: (message: any) => void }} RoomListener
 */

export class RoomLink {
  #url;
  #listener;
  #target = "";
  /** @type {WebSocket | undefined} */
  #socket;
  #timer = 0;
  #steadyTimer = 0;
  #attempts = 0;
  #epoch = "";
  /** Up to which number the viewer has everything; and that of the history, in which numbers are left out. */
  #seq = 0;
  #history = 0;
  /** @type {{ code: string, retryAfter?: number } | undefined} */
  #fatal;

  /**
   * @param {URL} url of the room, with a token where one is needed
   * @param {RoomListener} listener
   */
  constructor(url, listener) {
    this.#url = url;
    this.#listener = listener;
  }

  /** Watches a language from its last lines on; "" asks which there are. @param {string} target */
  watch(target) {
    this.#target = target;
    this.#epoch = "";
    this.#attempts = 0;
    this.#connect();
  }

  /** Connects now where the link is waiting. */
  wake() {
    if (this.#socket === undefined) this.#connect();
  }

  #connect() {
    this.#leave();
    this.#fatal = undefined;
    this.#listener.state("connecting", "");
    const url = new URL(this.#url);
    url.protocol = url.protocol.replace("http", "ws");
    if (this.#target !== "") url.searchParams.set("target", this.#target);
    if (this.#epoch !== "") url.searchParams.set("after", `${this.#epoch}.${this.#seq}`);
    const socket = new WebSocket(url, "souffleur.v1");
    this.#socket = socket;
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = () => this.#closed();
  }

  /** @param {any} message */
  #receive(message) {
    if (message.type === "error") {
      this.#fatal = message;
      return;
    }
    if (message.type === "room") {
      this.#epoch = message.epoch;
      this.#seq = message.seq;
      this.#history = message.seq;
      clearTimeout(this.#steadyTimer);
      this.#steadyTimer = setTimeout(() => {
        this.#attempts = 0;
      }, STEADY_MS);
      this.#listener.state("ready", "");
    } else if (message.seq > this.#history) {
      // Something is missing: what is kept of it comes again.
      if (message.seq !== this.#seq + 1) return this.#connect();
      this.#seq = message.seq;
    }
    this.#listener.message(message);
  }

  #closed() {
    this.#leave();
    const refusal = REFUSALS[/** @type {keyof typeof REFUSALS} */ (this.#fatal?.code ?? "")];
    if (refusal !== undefined) return this.#listener.state("refused", refusal);
    const backoffMs = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempts) * (0.75 + Math.random() / 2);
    const delayMs = Math.max(backoffMs, (this.#fatal?.retryAfter ?? 0) * 1000);
    this.#attempts += 1;
    this.#listener.state("waiting", "The connection was lost. What is said meanwhile follows when it is back.");
    this.#timer = setTimeout(() => this.#connect(), delayMs);
  }

  #leave() {
    clearTimeout(this.#timer);
    clearTimeout(this.#steadyTimer);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.onmessage = socket.onclose = null;
    if (socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }
}
