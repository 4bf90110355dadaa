// Subword regularisation: the same sentences cut into other tokens each time they are trained on.
import { SPLIT_PATTERN } from "../../models/pieces.ts";
import type { Tokenizer } from "../../models/tokenizer.ts";
import { SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import type { Random } from "../random.ts";

const PIECES = new RegExp(SPLIT_PATTERN, "gu");

/** BPE-dropout (Provilkov et al. 2020, algorithm 1) on ids: text and special ids stay what they are. */
export class SubwordDropout {
  readonly #tokenizer: Tokenizer;

  /** @param tokenizer what the ids are of. */
  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * The ids' text cut again, each merge that could come next left out with probability `rate`.
   * @param rate 0 gives the tokenizer's own ids, 1 single characters.
   */
  cut(ids: ArrayLike<number>, rate: number, random: Random): number[] {
    const cut: number[] = [];
    const dropped = () => random.uniform() < rate;
    let text = "";
    const flush = () => {
      for (const [piece] of text.matchAll(PIECES)) cut.push(...this.#tokenizer.cutPiece(piece, dropped));
      text = "";
    };
    for (let at = 0; at < ids.length; at += 1) {
      const id = ids[at]!;
      if (id >= SPECIAL_TOKENS.length) text += this.#tokenizer.pieceOf(id);
      else {
        flush();
        cut.push(id);
      }
    }
    flush();
    return cut;
  }
}
