// The figures under the panes: lag in words, latency of each delta, and their little chart.

/** Deltas that the percentiles are taken of, and those the chart has room for. */
const KEPT = 200;
const BARS = 48;
const BAR_PITCH = 5;
const BAR_WIDTH = 3.5;
const CHART_HEIGHT = 48;
/** The chart's height is never less than this many milliseconds, so that noise does not look like mountains. */
const SCALE_MIN_MS = 10;

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {{ total: number, server: number | undefined }} Latency milliseconds */

export class Meters {
  #parts;
  /** @type {Latency[]} */
  #latencies = [];
  /** @type {number[]} */
  #lags = [];
  #drawn = true;
  /** Where a word is translated, as the note on latency says it. */
  place = "in the server";

  /**
   * @param {{ lag: HTMLElement, lagUnit: HTMLElement, lagNote: HTMLElement, latency: HTMLElement, latencyNote: HTMLElement,
   *   spread: HTMLElement, chart: SVGElement }} parts
   */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {Latency} latency of one delta */
  addLatency(latency) {
    this.#latencies.push(latency);
    if (this.#latencies.length > KEPT) this.#latencies.shift();
    this.#drawn = false;
  }

  /** @param {number} words average lagging of a finished segment */
  addLagging(words) {
    this.#lags.push(words);
    if (this.#lags.length > KEPT) this.#lags.shift();
  }

  clear() {
    this.#latencies = [];
    this.#lags = [];
    this.#drawn = false;
  }

  /** @param {number} lag words read, less words covered */
  show(lag) {
    const { lag: lagValue, lagUnit, lagNote, latency, latencyNote, spread } = this.#parts;
    write(lagValue, String(lag));
    write(lagUnit, lag === 1 ? "word" : "words");
    const mean = this.#lags.reduce((sum, one) => sum + one, 0) / this.#lags.length;
    write(
      lagNote,
      this.#lags.length === 0 ? "Words read, less words covered." : `On average ${mean.toFixed(1)} words behind.`,
    );

    const last = this.#latencies.at(-1);
    write(latency, last === undefined ? "–" : milliseconds(last.total));
    write(
      latencyNote,
      last?.server === undefined
        ? "From a word sent to its translation."
        : `${milliseconds(last.server)} ms of it ${this.place}.`,
    );
    const totals = this.#latencies.map((one) => one.total).sort((a, b) => a - b);
    write(
      spread,
      totals.length === 0
        ? "Each bar is one piece of translation."
        : `Half within ${milliseconds(quantile(totals, 0.5))} ms, 95% within ${milliseconds(quantile(totals, 0.95))} ms.`,
    );
    this.#draw();
  }

  #draw() {
    if (this.#drawn) return;
    this.#drawn = true;
    const shown = this.#latencies.slice(-BARS);
    const scale = Math.max(SCALE_MIN_MS, ...shown.map((one) => one.total));
    const bars = shown.flatMap(({ total, server = 0 }, index) => {
      const x = (BARS - shown.length + index) * BAR_PITCH;
      return [
        bar("whole", x, (total / scale) * CHART_HEIGHT),
        bar("server", x, (Math.min(server, total) / scale) * CHART_HEIGHT),
      ];
    });
    this.#parts.chart.replaceChildren(...bars);
  }
}

/** @param {string} kind @param {number} x @param {number} height */
function bar(kind, x, height) {
  const rect = document.createElementNS(SVG, "rect");
  const tall = kind === "server" ? height : Math.max(1.5, height);
  rect.setAttribute("class", kind);
  rect.setAttribute("x", String(x));
  rect.setAttribute("y", String(CHART_HEIGHT - tall));
  rect.setAttribute("width", String(BAR_WIDTH));
  rect.setAttribute("height", String(tall));
  return rect;
}

/** @param {HTMLElement} element @param {string} text */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The nearest-rank quantile. @param {number[]} sorted @param {number} share */
function quantile(sorted, share) {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** @param {number} value */
function milliseconds(value) {
  return value < 10 ? value.toFixed(1) : value.toFixed(0);
}
