// One segment's source text, as it comes, to complete units with their tokens.
import { PieceSplitter, SPACE_MARK } from "./pieces.ts";
import type { SourceWord } from "./source-word.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Text in, units out, each as soon as it is complete. However the text was cut, the ids are those of
 * {@link Tokenizer.encode} for the whole text. What is held back is one word of at most 64 letters.
 */
export class SourceStream {
  readonly #tokenizer: Tokenizer;
  readonly #splitter = new PieceSplitter();

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /** Takes the next text and gives the units now complete. */
  push(text: string): SourceWord[] {
    return this.#splitter.push(text).map((piece) => this.#word(piece));
  }

  /** The segment has ended: gives what was held back, and starts a new segment. */
  flush(): SourceWord[] {
    return this.#splitter.flush().map((piece) => this.#word(piece));
  }

  #word(piece: string): SourceWord {
    const startsWord = piece.startsWith(SPACE_MARK);
    return { text: startsWord ? piece.slice(1) : piece, ids: this.#tokenizer.encodePiece(piece), startsWord };
  }
}
