// The line one types into, at the end of the source text: complete words leave it, the last one may still change.
import { cutComplete } from "./words.js";

export class Composer {
  #input;
  #stage;
  /** The invitation to type, shown while there is no text at all. */
  placeholder = "";

  /**
   * @param {HTMLInputElement} input
   * @param {{ say: (text: string) => void, commit: () => void, refused: () => void }} stage
   *   `refused`: somebody tries to take back what was sent
   */
  constructor(input, stage) {
    this.#input = input;
    this.#stage = stage;
    input.addEventListener("input", (event) => {
      // An input method's word is not a word yet: it is taken when the composition ends.
      if (!(event instanceof InputEvent && event.isComposing)) this.#take();
    });
    input.addEventListener("compositionend", () => this.#take());
    input.addEventListener("keydown", (event) => this.#key(event));
    input.addEventListener("paste", (event) => this.paste(event));
  }

  /**
   * Tells the field where it stands.
   * @param {{ hidden: boolean, alone: boolean, startsSentence: boolean }} place `alone`: there is no other text yet;
   *   `startsSentence`: a phone's keyboard may begin with a capital
   */
  place({ hidden, alone, startsSentence }) {
    this.#input.hidden = hidden;
    this.#input.classList.toggle("alone", alone);
    const placeholder = alone ? this.placeholder : "";
    if (this.#input.placeholder !== placeholder) this.#input.placeholder = placeholder;
    this.#input.autocapitalize = startsSentence ? "sentences" : "none";
    this.#fit();
  }

  /** Browsers without `field-sizing` need the width of the text said. */
  #fit() {
    if (!CSS.supports("field-sizing", "content")) this.#input.size = Math.max(4, this.#input.value.length + 1);
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  clear() {
    this.#input.value = "";
  }

  /** Sends the last word as it is, and ends the segment. */
  finish() {
    const rest = this.#input.value;
    this.#input.value = "";
    if (rest !== "") this.#stage.say(rest);
    this.#stage.commit();
  }

  #take() {
    const { complete, rest } = cutComplete(this.#input.value);
    if (complete === "") return this.#fit();
    const caret = Math.max(0, (this.#input.selectionStart ?? this.#input.value.length) - complete.length);
    this.#input.value = rest;
    this.#input.setSelectionRange(caret, caret);
    this.#stage.say(complete);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      this.finish();
    } else if (event.key === "Backspace" && this.#input.value === "") {
      this.#stage.refused();
    }
  }

  /**
   * Takes pasted text: an empty line ends a segment, a single line break is white space (the field would join lines).
   * @param {ClipboardEvent} event
   */
  paste(event) {
    const text = event.clipboardData?.getData("text/plain") ?? "";
    if (this.#input.hidden) return;
    event.preventDefault();
    this.focus();
    const start = this.#input.selectionStart ?? this.#input.value.length;
    const end = this.#input.selectionEnd ?? start;
    const whole = this.#input.value.slice(0, start) + text + this.#input.value.slice(end);
    const paragraphs = whole.replace(/\r\n?/gu, "\n").split(/\n[ \t]*\n\s*/u);
    const last = cutComplete(paragraphs.pop() ?? "");
    for (const paragraph of paragraphs) {
      this.#stage.say(paragraph);
      this.#stage.commit();
    }
    if (last.complete !== "") this.#stage.say(last.complete);
    this.#input.value = last.rest;
    this.#fit();
  }
}
