// The bar of the sample talks: which one, play and stop, how fast, and how far it is.
import { button, element, html } from "./element.js";
import { TALKS } from "./talks.js";

const PLAY_LABELS = { stopped: "Play", playing: "Pause", paused: "Resume" };

export class PlayerBar {
  #player;
  #play = button("play");
  #stop = button("stop");
  #talk = element("talk", HTMLSelectElement);
  #speed = element("speed", HTMLInputElement);
  #progress = element("progress", HTMLProgressElement);
  #starts;

  /**
   * @param {import("./player.js").Player} player
   * @param {() => void} starts before a talk begins
   */
  constructor(player, starts) {
    this.#player = player;
    this.#starts = starts;
    this.#talk.append(...TALKS.map((talk) => new Option(talk.title)));
    this.#play.addEventListener("click", () => this.playOrPause());
    this.#stop.addEventListener("click", () => player.stop());
    this.#speed.addEventListener("input", () => this.#setSpeed());
    this.#setSpeed();
  }

  playOrPause() {
    if (this.#player.state === "playing") return this.#player.pause();
    if (this.#player.state === "paused") return this.#player.resume();
    this.#starts();
    this.#player.play(TALKS[this.#talk.selectedIndex]);
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
    this.#talk.disabled = !stopped;
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
