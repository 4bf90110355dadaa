// The button that turns the microphone on and off, with the reason beside it where it cannot.
import { button, html } from "./element.js";
import { Speech } from "./speech.js";

export class SpeechButton {
  #button = button("speak");
  #note = html("speech-note");
  #speech;

  /**
   * @param {{ say: (text: string) => void, commit: () => void, language: () => string, starts: () => void }} stage
   *   `starts`: before it listens
   */
  constructor({ language, starts, ...stage }) {
    this.#speech = new Speech({ ...stage, changed: () => this.#show(), failed: (reason) => this.#tell(reason) });
    this.#button.addEventListener("click", () => {
      const { obstacle, listening } = this.#speech;
      if (listening) return this.#speech.stop();
      if (obstacle !== undefined) return this.#tell(obstacle);
      this.#tell("");
      starts();
      this.#speech.start(language());
    });
    const { obstacle } = this.#speech;
    if (obstacle !== undefined) {
      this.#button.disabled = true;
      this.#tell(obstacle);
    }
  }

  get listening() {
    return this.#speech.listening;
  }

  press() {
    this.#button.click();
  }

  stop() {
    this.#speech.stop();
  }

  #show() {
    this.#button.textContent = this.listening ? "Stop listening" : "Microphone";
    this.#button.setAttribute("aria-pressed", String(this.listening));
  }

  /** @param {string} text */
  #tell(text) {
    this.#note.textContent = text;
    this.#note.hidden = text === "";
  }
}
