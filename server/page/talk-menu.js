// What is played: a sample talk, a text of one's own, or the text of a caption file.
import { button, element, html } from "./element.js";
import { TALKS } from "./talks.js";

const OWN_TEXT = "own";
const FILE = "file";
/** A silence so long begins a new paragraph. Milliseconds. */
const SILENCE_MS = 2_000;

export class TalkMenu {
  #select = element("talk", HTMLSelectElement);
  #dialog = element("own", HTMLDialogElement);
  #text = element("own-text", HTMLTextAreaElement);
  #file = element("caption-file", HTMLInputElement);
  #stage;

  /** @param {{ play: (talk: import("./talks.js").Talk) => void, failed: (reason: string) => void, credential: () => string }} stage */
  constructor(stage) {
    this.#stage = stage;
    this.#select.append(...TALKS.map((talk, index) => new Option(talk.title, String(index))));
    this.#select.append(new Option("Your own text…", OWN_TEXT), new Option("A caption file…", FILE));
    button("own-play").addEventListener("click", () => this.#playOwn());
    button("own-close").addEventListener("click", () => this.#dialog.close());
    this.#file.addEventListener("change", () => void this.#playFile());
  }

  set disabled(disabled) {
    this.#select.disabled = disabled;
  }

  /** Plays what is chosen, or asks for it first. */
  play() {
    const { value } = this.#select;
    if (value === OWN_TEXT) this.#dialog.showModal();
    else if (value === FILE) this.#file.click();
    else this.#stage.play(TALKS[Number(value)]);
  }

  #playOwn() {
    const paragraphs = paragraphsOf(this.#text.value);
    html("own-note").hidden = paragraphs.length > 0;
    if (paragraphs.length === 0) return;
    this.#dialog.close();
    this.#stage.play({ title: "", paragraphs });
  }

  /** The server reads the file: it knows every format, and says in which line one is broken. */
  async #playFile() {
    const file = this.#file.files?.[0];
    // The same file may be chosen again.
    this.#file.value = "";
    if (file === undefined) return;
    const headers = this.#stage.credential() === "" ? {} : { authorization: `Bearer ${this.#stage.credential()}` };
    try {
      const url = new URL("v1/cues", rootOf(document.baseURI));
      const response = await fetch(url, { method: "POST", headers, body: file });
      const answer = await response.json();
      if (!response.ok) return this.#stage.failed(`${file.name}: ${answer.error.message}`);
      const paragraphs = joined(answer.cues);
      if (paragraphs.length === 0) return this.#stage.failed(`${file.name} has no text.`);
      this.#stage.play({ title: file.name, paragraphs });
    } catch {
      this.#stage.failed(`${file.name} could not be sent to the server.`);
    }
  }
}

/** Where the server's own addresses begin, seen from any of its pages. @param {string} page */
export function rootOf(page) {
  return new URL(/\/(?:speak|live)\/[^/]*$/u.test(new URL(page).pathname) ? ".." : ".", page);
}

/** @param {string} text */
function paragraphsOf(text) {
  const parts = text.replace(/\r\n?/gu, "\n").split(/\n[ \t]*\n\s*/u);
  return parts.map((part) => part.trim().replace(/\s+/gu, " ")).filter((part) => part !== "");
}

/** @param {{ start: number, end: number, text: string }[]} cues */
function joined(cues) {
  /** @type {string[][]} */
  const paragraphs = [];
  let until = Number.NEGATIVE_INFINITY;
  for (const { start, end, text } of cues) {
    if (start - until > SILENCE_MS) paragraphs.push([]);
    paragraphs.at(-1)?.push(text);
    until = end;
  }
  return paragraphs.flatMap((texts) => paragraphsOf(texts.join(" ").replace(/\s+/gu, " ")));
}
