// One segment's target ids, as they come, to text that is only ever appended to.
import type { Tokenizer } from "./tokenizer.ts";

/** The concatenation of what {@link TargetStream.push} returns is {@link Tokenizer.decode} of all ids. */
export class TargetStream {
  readonly #tokenizer: Tokenizer;
  #text = "";
  /** A space is sent with the text after it, so that none is left at the end. */
  #spaceDue = false;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Everything appended so far. */
  get text(): string {
    return this.#text;
  }

  /** Text that the ids add. */
  push(ids: Iterable<number>): string {
    let added = "";
    for (const id of ids) {
      for (const [index, part] of this.#tokenizer.textOf(id).split(" ").entries()) {
        if (index > 0) this.#spaceDue = true;
        if (part === "") continue;
        if (this.#spaceDue && (this.#text !== "" || added !== "")) added += " ";
        this.#spaceDue = false;
        added += part;
      }
    }
    this.#text += added;
    return added;
  }
}
