// Keeps the two panes level while they stand side by side: each segment beside its translation, both scrolled alike.

export class Alignment {
  #scrolls;
  #open;
  /** @type {[HTMLElement, HTMLElement][]} the two sides of each settled segment */
  #rows = [];

  /**
   * @param {[HTMLElement, HTMLElement]} scrolls what scrolls, left and right
   * @param {[HTMLElement, HTMLElement]} open the open text of each
   */
  constructor(scrolls, open) {
    this.#scrolls = scrolls;
    this.#open = open;
    const [left, right] = scrolls;
    left.addEventListener("scroll", () => this.#scrollAlike(left, right));
    right.addEventListener("scroll", () => this.#scrollAlike(right, left));
    let width = 0;
    new ResizeObserver(() => {
      // Heights change with every new line on a phone; only a new width breaks lines anew.
      if (left.clientWidth === width) return;
      width = left.clientWidth;
      this.#level([...this.#rows, this.#open]);
    }).observe(left);
  }

  /** @param {HTMLElement} left @param {HTMLElement} right */
  add(left, right) {
    this.#rows.push([left, right]);
    this.#level([[left, right]]);
  }

  levelOpen() {
    this.#level([this.#open]);
  }

  clear() {
    this.#rows = [];
    this.levelOpen();
  }

  get #sideBySide() {
    const [left, right] = this.#scrolls;
    return left.getBoundingClientRect().top === right.getBoundingClientRect().top;
  }

  /** All is read before anything is written, so that the browser lays out once. @param {[HTMLElement, HTMLElement][]} rows */
  #level(rows) {
    for (const side of rows.flat()) side.style.minHeight = "";
    if (!this.#sideBySide) return;
    const heights = rows.map((row) => Math.max(...row.map((side) => side.getBoundingClientRect().height)));
    for (const [index, row] of rows.entries()) {
      for (const side of row) side.style.minHeight = `${heights[index]}px`;
    }
  }

  /** @param {HTMLElement} moved @param {HTMLElement} other */
  #scrollAlike(moved, other) {
    if (this.#sideBySide && Math.abs(moved.scrollTop - other.scrollTop) >= 1) other.scrollTop = moved.scrollTop;
  }
}
