// The lines of a room on the screen: finished ones in a live region, open ones below, and the newest in sight.

/** So near to the end one is reading along. Pixels. */
const NEAR_END = 48;

export class RoomPane {
  #parts;
  #following = true;
  #top = 0;

  /**
   * @param {{ lines: HTMLElement, open: HTMLElement, scroll: HTMLElement, empty: HTMLElement, latest?: HTMLElement }} parts
   *   `latest`: shown while one reads what was said earlier, and leads back
   */
  constructor(parts) {
    this.#parts = parts;
    const { scroll, latest } = parts;
    scroll.addEventListener("scroll", () => this.#scrolled());
    // Who has come near to the end is brought there.
    scroll.addEventListener("scrollend", () => this.#follow());
    // Letters that grow move the end, as new lines do.
    const resized = new ResizeObserver(() => this.#follow());
    for (const part of [scroll, parts.lines, parts.open]) resized.observe(part);
    latest?.addEventListener("click", () => this.showLatest());
  }

  /** @param {string} target the language */
  set language(target) {
    for (const part of [this.#parts.lines, this.#parts.open]) part.lang = target;
  }

  /** @param {string} text why there is nothing yet */
  set reason(text) {
    if (this.#parts.empty.textContent !== text) this.#parts.empty.textContent = text;
  }

  /** @param {import("./room-lines.js").Line} line */
  add({ text }) {
    if (text.trim() === "") return;
    const paragraph = document.createElement("p");
    paragraph.textContent = text;
    this.#parts.lines.append(paragraph);
  }

  /** @param {import("./room-lines.js").RoomLines} lines */
  draw({ open }) {
    const texts = [...open.values()].filter((text) => text.trim() !== "");
    const shown = this.#parts.open;
    while (shown.children.length > texts.length) shown.lastElementChild?.remove();
    for (const [index, text] of texts.entries()) {
      const paragraph = shown.children[index] ?? shown.appendChild(document.createElement("p"));
      if (paragraph.textContent !== text) paragraph.textContent = text;
    }
    this.#parts.empty.hidden = texts.length > 0 || this.#parts.lines.childElementCount > 0;
    this.#follow();
  }

  clear() {
    this.#parts.lines.replaceChildren();
    this.#parts.open.replaceChildren();
    this.#following = true;
  }

  /** Scrolls to the end, and stays there. */
  showLatest() {
    this.#following = true;
    this.#follow();
    this.#parts.scroll.focus({ preventScroll: true });
  }

  #follow() {
    const { scroll, latest } = this.#parts;
    if (this.#following) {
      scroll.scrollTop = scroll.scrollHeight;
      this.#top = scroll.scrollTop;
    }
    if (latest !== undefined) latest.hidden = this.#following;
  }

  #scrolled() {
    const { scroll, latest } = this.#parts;
    const near = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END;
    // What moves by itself is no reader that goes back.
    if (near || scroll.scrollTop < this.#top) this.#following = near;
    this.#top = scroll.scrollTop;
    if (latest !== undefined) latest.hidden = this.#following;
  }
}
