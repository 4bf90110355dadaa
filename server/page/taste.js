// How a reader likes to read: text size, colours, language; kept for the next time.
import { button, element } from "./element.js";

/** Heights of letters in pixels. */
const SIZES = [16, 20, 24, 28, 34, 42, 52, 64];
const USUAL_SIZE = 28;
const KEY = "souffleur-taste";

export class Taste {
  #contrast = element("contrast", HTMLSelectElement);
  /** @type {{ size: number, contrast: string, target: string }} */
  #kept = { size: USUAL_SIZE, contrast: "device", target: "", ...read() };

  constructor() {
    this.#contrast.value = this.#kept.contrast;
    this.#contrast.addEventListener("change", () => this.#keep({ contrast: this.#contrast.value }));
    button("smaller").addEventListener("click", () => this.step(-1));
    button("larger").addEventListener("click", () => this.step(1));
    this.#show();
  }

  /** The language that was chosen last; "" none. */
  get target() {
    return this.#kept.target;
  }

  set target(target) {
    this.#keep({ target });
  }

  /** @param {1 | -1} direction */
  step(direction) {
    const place = SIZES.indexOf(this.#kept.size) + direction;
    if (place >= 0 && place < SIZES.length) this.#keep({ size: SIZES[place] });
  }

  /** @param {Partial<{ size: number, contrast: string, target: string }>} change */
  #keep(change) {
    this.#kept = { ...this.#kept, ...change };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#kept));
    } catch {
      // Without storage it holds for this visit.
    }
    this.#show();
  }

  #show() {
    const { size, contrast } = this.#kept;
    document.documentElement.style.setProperty("--reading", `${size}px`);
    document.documentElement.dataset.contrast = contrast;
    button("smaller").disabled = size === SIZES[0];
    button("larger").disabled = size === SIZES.at(-1);
  }
}

/** What was kept, where it is of use. */
function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const { size, contrast, target } = kept;
    return {
      ...(SIZES.includes(size) ? { size } : {}),
      ...(["device", "light", "dark", "yellow"].includes(contrast) ? { contrast } : {}),
      ...(typeof target === "string" ? { target } : {}),
    };
  } catch {
    return {};
  }
}
