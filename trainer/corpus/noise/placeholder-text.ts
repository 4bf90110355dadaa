// Ids with placeholders as text and back: to noise, a placeholder is a word that it neither knows nor changes.
import { splitPieces } from "../../../models/pieces.ts";
import type { Tokenizer } from "../../../models/tokenizer.ts";
import { isPlaceholder, PLACEHOLDER_IDS, SPECIAL_TOKENS } from "../../../models/vocabulary.ts";
import { BulkEncoder } from "../../tokenizer/bulk-encoder.ts";

/** Characters for private use, one for each placeholder: in no text of people's. */
const FIRST_CHARACTER = 0xe000;
const CHARACTERS = PLACEHOLDER_IDS.map((_, index) => String.fromCodePoint(FIRST_CHARACTER + index));
const HAS_PLACEHOLDER = new RegExp(`[${CHARACTERS.join("")}]`, "u");
/** After these a placeholder follows without a space. */
const OPENS = /(?:^|[([{<"'„“‚‘«‹$€£¥#+/-])$/u;

export class PlaceholderText {
  readonly #tokenizer: Tokenizer;
  readonly #encoder: BulkEncoder;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#encoder = new BulkEncoder(tokenizer);
  }

  /** The ids' text; undefined where they have another special id, such as one for what the vocabulary does not know. */
  textOf(ids: readonly number[]): string | undefined {
    if (!ids.some((id) => id < SPECIAL_TOKENS.length)) return this.#tokenizer.decode(ids);
    let text = "";
    for (const id of ids) {
      if (isPlaceholder(id)) text += `${OPENS.test(text) ? "" : " "}${CHARACTERS[PLACEHOLDER_IDS.indexOf(id)]}`;
      else if (id < SPECIAL_TOKENS.length) return undefined;
      else text += this.#tokenizer.textOf(id);
    }
    return text.replace(/ +/gu, " ").trim();
  }

  idsOf(text: string): number[] {
    if (!HAS_PLACEHOLDER.test(text)) return this.#encoder.encode(text);
    return splitPieces(text).flatMap((piece) => {
      const character = CHARACTERS.findIndex((one) => piece.includes(one));
      return character < 0 ? this.#tokenizer.encodePiece(piece) : [PLACEHOLDER_IDS[character]!];
    });
  }
}
