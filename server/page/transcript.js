// What is on the two panes: settled segments side by side in order, and the open text that still grows.
import { Alignment } from "./alignment.js";
import { countWords } from "./words.js";

/** As long as page.css lets new text glow. */
const FRESH_MS = 1_600;

/** @typedef {{ settled: HTMLElement, scroll: HTMLElement }} Pane */

export class Transcript {
  #source;
  #target;
  #sourceText;
  #sourceAhead;
  #sourceGap;
  #targetOpen;
  /** @type {Map<number, HTMLParagraphElement>} the open segments of the translation, by the stream's number */
  #open = new Map();
  #rows = 0;
  #alignment;

  /**
   * @param {{ source: Pane, target: Pane, sourceText: HTMLElement, sourceAhead: HTMLElement, sourceGap: HTMLElement,
   *   sourceOpen: HTMLElement, targetOpen: HTMLElement }} parts
   */
  constructor({ source, target, sourceText, sourceAhead, sourceGap, sourceOpen, targetOpen }) {
    this.#source = source;
    this.#target = target;
    this.#sourceText = sourceText;
    this.#sourceAhead = sourceAhead;
    this.#sourceGap = sourceGap;
    this.#targetOpen = targetOpen;
    this.#alignment = new Alignment([source.scroll, target.scroll], [sourceOpen, targetOpen]);
    for (const settled of [source.settled, target.settled]) {
      settled.addEventListener("pointerover", (event) => this.#pair(event.target));
      settled.addEventListener("pointerleave", () => this.#pair(null));
    }
  }

  get empty() {
    return this.#rows === 0 && this.#open.size === 0;
  }

  /** Words of the translation that stand under the open text. */
  get wordsCovered() {
    let words = 0;
    for (const paragraph of this.#open.values()) words += countWords(paragraph.textContent);
    return words;
  }

  /**
   * Shows the open source text, with what the translation has not covered yet set off.
   * @param {string} covered
   * @param {string} ahead
   */
  showSource(covered, ahead) {
    // White space around the words ahead stands outside of their underline.
    const [, before, words, after] = /^(\s*)([\s\S]*?)(\s*)$/u.exec(ahead) ?? ["", "", ahead, ""];
    const text = (covered + before).trimStart();
    const parts = [this.#sourceText, this.#sourceAhead, this.#sourceGap];
    const texts = [text, words, text + words === "" ? "" : after];
    for (const [index, part] of parts.entries()) {
      if (part.textContent !== texts[index]) part.textContent = texts[index];
    }
  }

  /**
   * Appends to an open segment of the translation.
   * @param {number} segment
   * @param {string} text
   */
  grow(segment, text) {
    const paragraph = this.#paragraphOf(segment);
    const piece = document.createElement("span");
    piece.className = "fresh";
    piece.dataset.born = String(performance.now());
    piece.textContent = text;
    piece.addEventListener("animationend", () => {
      piece.replaceWith(...piece.childNodes);
      paragraph.normalize();
    });
    paragraph.append(piece);
  }

  /**
   * Settles a segment: both its sides join the finished text, the translation into the live region, whole.
   * @param {number} segment
   * @param {string} source
   * @param {string} text
   */
  settle(segment, source, text) {
    const row = String(this.#rows);
    this.#rows += 1;
    const left = document.createElement("p");
    left.dataset.row = row;
    left.textContent = source;
    const right = this.#paragraphOf(segment);
    right.dataset.row = row;
    if (right.textContent !== text) right.textContent = text;
    keepGlow(right);
    this.#open.delete(segment);
    this.#target.settled.append(right);
    this.#source.settled.append(left);
    this.#alignment.add(left, right);
  }

  /** Once a frame, after all changes. */
  layOut() {
    this.#alignment.layOut();
  }

  /** The open segments are sent again and will grow again; until then what there was of them stays, paler. */
  dropOpen() {
    this.#open.clear();
    for (const paragraph of this.#targetOpen.children) paragraph.classList.add("stale");
  }

  clear() {
    this.#open.clear();
    this.#rows = 0;
    for (const part of [this.#source.settled, this.#target.settled, this.#targetOpen]) part.replaceChildren();
    this.#alignment.clear();
  }

  /** The finished and the open source text, a line for each segment. */
  get sourceText() {
    const open = this.#sourceText.textContent + this.#sourceAhead.textContent;
    return linesOf([...this.#source.settled.children].map((child) => child.textContent).concat(open));
  }

  get targetText() {
    const children = [...this.#target.settled.children, ...this.#targetOpen.children];
    return linesOf(children.map((child) => child.textContent));
  }

  /** @param {number} segment */
  #paragraphOf(segment) {
    const known = this.#open.get(segment);
    if (known !== undefined) return known;
    for (const stale of this.#targetOpen.querySelectorAll(".stale")) stale.remove();
    const paragraph = document.createElement("p");
    this.#open.set(segment, paragraph);
    this.#targetOpen.append(paragraph);
    return paragraph;
  }

  /** Points at both sides of one segment. @param {EventTarget | null} at */
  #pair(at) {
    const row = at instanceof Element ? at.closest("p")?.dataset.row : undefined;
    for (const { settled } of [this.#source, this.#target]) {
      for (const paragraph of settled.querySelectorAll(".paired")) paragraph.classList.remove("paired");
      if (row !== undefined) settled.querySelector(`[data-row="${row}"]`)?.classList.add("paired");
    }
  }
}

/** Moving an element starts its animations anew: what glows goes on from where it is, the rest becomes plain text. @param {HTMLElement} paragraph */
function keepGlow(paragraph) {
  const now = performance.now();
  for (const piece of paragraph.querySelectorAll("span")) {
    const age = now - Number(piece.dataset.born);
    if (age >= FRESH_MS) piece.replaceWith(...piece.childNodes);
    else piece.style.animationDelay = `${-Math.round(age)}ms`;
  }
  paragraph.normalize();
}

/** @param {(string | null)[]} texts */
function linesOf(texts) {
  return texts
    .map((text) => (text ?? "").trim())
    .filter((text) => text !== "")
    .join("\n");
}
