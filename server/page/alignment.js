// Keeps the two panes level while they stand side by side, and both at their end while nobody has scrolled back.

/** Within this many pixels of the end a pane follows its text. */
const FOLLOW_PIXELS = 60;

export class Alignment {
  #scrolls;
  #open;
  /** @type {[HTMLElement, HTMLElement][]} the two sides of each settled segment */
  #rows = [];
  /** Rows from here on have not been levelled. */
  #levelled = 0;
  #follows = [true, true];

  /**
   * @param {[HTMLElement, HTMLElement]} scrolls what scrolls, left and right
   * @param {[HTMLElement, HTMLElement]} open the open text of each
   */
  constructor(scrolls, open) {
    this.#scrolls = scrolls;
    this.#open = open;
    for (const [side, scroll] of scrolls.entries()) {
      let before = 0;
      scroll.addEventListener("scroll", () => {
        this.#scrolled(side, scroll.scrollTop < before);
        before = scroll.scrollTop;
      });
    }
    let width = 0;
    new ResizeObserver(() => {
      // Only a new width breaks lines anew.
      if (scrolls[0].clientWidth !== width) this.#levelled = 0;
      width = scrolls[0].clientWidth;
      this.layOut();
    }).observe(scrolls[0]);
  }

  /** @param {HTMLElement} left @param {HTMLElement} right */
  add(left, right) {
    this.#rows.push([left, right]);
  }

  clear() {
    this.#rows = [];
    this.#levelled = 0;
  }

  /** Once a frame, after all changes: what is new is levelled, and panes go to their end. */
  layOut() {
    const rows = [...this.#rows.slice(this.#levelled), this.#open];
    this.#levelled = this.#rows.length;
    for (const side of rows.flat()) side.style.minHeight = "";
    if (this.#sideBySide) {
      // All is read before anything is written, so that the browser lays out once.
      const heights = rows.map((row) => Math.max(...row.map((side) => side.getBoundingClientRect().height)));
      for (const [index, row] of rows.entries()) {
        for (const side of row) side.style.minHeight = `${heights[index]}px`;
      }
    }
    for (const [side, scroll] of this.#scrolls.entries()) {
      if (this.#follows[side]) scroll.scrollTop = scroll.scrollHeight;
    }
  }

  get #sideBySide() {
    const [left, right] = this.#scrolls;
    return left.getBoundingClientRect().top === right.getBoundingClientRect().top;
  }

  /** @param {number} side @param {boolean} back towards the start, which only people do */
  #scrolled(side, back) {
    const moved = this.#scrolls[side];
    if (moved.scrollHeight - moved.scrollTop - moved.clientHeight < FOLLOW_PIXELS) this.#follows[side] = true;
    else if (back) this.#follows[side] = false;
    const other = this.#scrolls[1 - side];
    if (this.#sideBySide && Math.abs(moved.scrollTop - other.scrollTop) >= 1) other.scrollTop = moved.scrollTop;
  }
}
