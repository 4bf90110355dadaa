// One segment's target ids, as they come, to text that is only ever appended to.
import type { PlaceholderTable } from "./placeholder-table.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** After these a value follows without a space: brackets, currencies, a sign that stands close to the word before it. */
const OPENS = /(?:^|[([{$€£¥#/„«‚‘¿¡]|[^\s]["'“”’»)\]]?[-–—])$/u;

/**
 * The concatenation of what {@link TargetStream.push} returns is {@link Tokenizer.decode} of all ids, with the values of
 * the segment's placeholders; a placeholder that stands for nothing writes nothing.
 */
export class TargetStream {
  readonly #tokenizer: Tokenizer;
  readonly #table: PlaceholderTable | undefined;
  #text = "";
  /** A space is sent with the text after it, so that none is left at the end. */
  #spaceDue = false;

  constructor(tokenizer: Tokenizer, table?: PlaceholderTable) {
    this.#tokenizer = tokenizer;
    this.#table = table;
  }

  /** Everything appended so far. */
  get text(): string {
    return this.#text;
  }

  /** Text that the ids add. */
  push(ids: Iterable<number>): string {
    const before = this.#text.length;
    for (const id of ids) {
      const value = this.#table?.valueOf(id);
      if (value === undefined) this.#append(this.#tokenizer.textOf(id));
      else {
        this.#spaceDue ||= !opensValue(this.#text);
        this.#write(value);
      }
    }
    return this.#text.slice(before);
  }

  /** Text that the ids would add. */
  peek(ids: Iterable<number>): string {
    const [text, spaceDue] = [this.#text, this.#spaceDue];
    const added = this.push(ids);
    [this.#text, this.#spaceDue] = [text, spaceDue];
    return added;
  }

  #append(text: string): void {
    for (const [index, part] of text.split(" ").entries()) {
      if (index > 0) this.#spaceDue = true;
      if (part !== "") this.#write(part);
    }
  }

  #write(text: string): void {
    if (this.#spaceDue && this.#text !== "") this.#text += " ";
    this.#spaceDue = false;
    this.#text += text;
  }
}

/** Whether a value stands directly after this text: a quote opens unless it closes one. */
function opensValue(text: string): boolean {
  if (text.endsWith('"')) return countOf(text, '"') % 2 === 1;
  if (text.endsWith("“")) return countOf(text, "„") < countOf(text, "“");
  return OPENS.test(text);
}

const countOf = (text: string, mark: string): number => text.split(mark).length - 1;
