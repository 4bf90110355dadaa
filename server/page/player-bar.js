// The bar of what is played: which talk, play and stop, how fast, and how far it is.
import { button, element, html } from "./element.js";
import { TalkMenu } from "./talk-menu.js";

const PLAY_LABELS = { stopped: "Play", playing: "Pause", paused: "Resume" };

export class PlayerBar {
  #player;
  #play = button("play");
  #stop = button("stop");
  #talks;
  #speed = element("speed", HTMLInputElement);
  #progress = element("progress", HTMLProgressElement);

  /**
   * @param {import("./player.js").Player} player
   * @param {{ starts: () => void, failed: (reason: string) => void, credential: () => string }} stage
   *   `starts`: before a talk begins; `failed`: why a file cannot be played; `credential`: the key of the one who plays it
   */
  constructor(player, { starts, failed, credential }) {
    this.#player = player;
    const play = (/** @type {import("./talks.js").Talk} */ talk) => {
      starts();
      player.play(talk);
    };
    this.#talks = new TalkMenu({ play, failed, credential });
    this.#play.addEventListener("click", () => this.playOrPause());
    this.#stop.addEventListener("click", () => player.stop());
    this.#speed.addEventListener("input", () => this.#setSpeed());
    this.#setSpeed();
  }

  playOrPause() {
    if (this.#player.state === "playing") return this.#player.pause();
    if (this.#player.state === "paused") return this.#player.resume();
    this.#talks.play();
  }

  draw() {
    const { state, said, total } = this.#player;
    const stopped = state === "stopped";
    const label = PLAY_LABELS[state];
    if (this.#play.textContent !== label) this.#play.textContent = label;
    // A field or a button that goes must not take the focus with it.
    const focus = document.activeElement;
    if (stopped ? focus === this.#stop : focus === html("composer")) this.#play.focus();
    this.#stop.disabled = stopped;
    this.#talks.disabled = !stopped;
    this.#progress.hidden = stopped;
    this.#progress.max = Math.max(1, total);
    this.#progress.value = said;
  }

  #setSpeed() {
    this.#player.wordsPerMinute = this.#speed.valueAsNumber;
    html("speed-value").textContent = this.#speed.value;
    this.#speed.setAttribute("aria-valuetext", `${this.#speed.value} words a minute`);
  }
}
