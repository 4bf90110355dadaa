// The page's stream, from the server or on this device: the switch between them, and which it was the last time.
import { DeviceLink } from "./device-link.js";
import { Link } from "./link.js";

const REMEMBERED = "souffleur.onDevice";

/** A link that is one of two. */
export class LinkSwitch {
  #listener;
  #server;
  #device;
  #box;
  /** @type {Link | DeviceLink} */
  #link;
  /** @type {import("./link.js").Settings | undefined} */
  #settings;

  /**
   * @param {URL} root of the server
   * @param {HTMLInputElement} box whether to translate on this device
   * @param {ConstructorParameters<typeof DeviceLink>[1]} listener
   */
  constructor(root, box, listener) {
    this.#listener = listener;
    this.#server = new Link(new URL("v1/stream", root.href.replace(/^http/u, "ws")), listener);
    this.#device = new DeviceLink(root, listener);
    this.#box = box;
    this.#link = this.#server;
    box.addEventListener("change", () => this.#change());
  }

  get state() {
    return this.#link.state;
  }

  get onDevice() {
    return this.#link === this.#device;
  }

  /** Shows the switch where a model may be run here. @param {boolean} may */
  offer(may) {
    /** @type {HTMLElement} */ (this.#box.parentElement).hidden = !may;
    this.#box.checked = may && localStorage.getItem(REMEMBERED) === "yes";
    this.#link = this.#box.checked ? this.#device : this.#server;
  }

  /** @param {import("./link.js").Settings} settings */
  open(settings) {
    this.#settings = settings;
    this.#link.open(settings);
  }

  restart() {
    this.#link.restart();
  }

  wake() {
    this.#link.wake();
  }

  /** @param {object} message */
  send(message) {
    this.#link.send(message);
  }

  /** What is not settled is sent again to the other one. */
  #change() {
    localStorage.setItem(REMEMBERED, this.#box.checked ? "yes" : "no");
    this.#link.leave();
    this.#listener.lost();
    this.#listener.problem(undefined);
    this.#link = this.#box.checked ? this.#device : this.#server;
    if (this.#settings !== undefined) this.#link.open(this.#settings);
  }
}
