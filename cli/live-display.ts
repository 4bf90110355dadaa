// Two lines on a terminal that grow together: what was said, and its translation.
import type { LineDisplay } from "./line-translation.ts";

/** What of a terminal is used. */
export interface Terminal {
  columns?: number;
  write(text: string): unknown;
}

/**
 * Redraws a pair of lines in place; while they are longer than the terminal is wide, their ends are shown. A line that
 * is complete is printed whole and stays.
 */
export class LiveDisplay implements LineDisplay {
  readonly #terminal: Terminal;
  readonly #labels: { source: string; target: string };
  #source = "";
  #pending = "";
  #target = "";
  #drawn = false;

  constructor(terminal: Terminal, labels: { source: string; target: string }) {
    this.#terminal = terminal;
    this.#labels = labels;
  }

  source(text: string): void {
    this.#source += text;
    this.#draw();
  }

  /** What is typed and can still be taken back: shown after the source. */
  pending(text: string): void {
    this.#pending = text;
    this.#draw();
  }

  target(text: string): void {
    this.#target += text;
    this.#draw();
  }

  endLine(): void {
    this.#erase();
    if (this.#source !== "") {
      this.#terminal.write(`${this.#labels.source} ${this.#source}\n${this.#labels.target} ${this.#target}\n\n`);
    }
    this.#source = "";
    this.#target = "";
    if (this.#pending !== "") this.#draw();
  }

  #draw(): void {
    this.#erase();
    const source = this.#fit(this.#labels.source, this.#source + this.#pending);
    this.#terminal.write(`${source}\n${this.#fit(this.#labels.target, this.#target)}`);
    this.#drawn = true;
  }

  /** Back to the start of the upper line, and nothing below. */
  #erase(): void {
    if (this.#drawn) this.#terminal.write("\r\u001b[1A\u001b[0J");
    this.#drawn = false;
  }

  #fit(label: string, text: string): string {
    const room = Math.max(10, (this.#terminal.columns ?? 80) - label.length - 3);
    const characters = [...text];
    return characters.length <= room ? `${label} ${text}` : `${label} …${characters.slice(-room).join("")}`;
  }
}
