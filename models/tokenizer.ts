// tokenizer.json (Hugging Face format): text to token ids and back. Reading the file is the bundle's job.
import { z } from "zod";
import { BundleError } from "./bundle-error.ts";
import { BytePairEncoder } from "./byte-pair.ts";
import { SPACE_MARK, SPLIT_PATTERN, splitPieces } from "./pieces.ts";
import { SPECIAL_TOKENS, UNK_ID } from "./vocabulary.ts";

const mergeSchema = z.union([
  z.tuple([z.string(), z.string()]),
  z
    .string()
    .regex(/^[^ ]+ [^ ]+$/, "expected two pieces with one space between")
    .transform((merge): [string, string] => {
      const space = merge.indexOf(" ");
      return [merge.slice(0, space), merge.slice(space + 1)];
    }),
]);

/** What of tokenizer.json decides how text is encoded. Its normalizer and decoder are those of pieces.ts, by definition. */
const tokenizerSchema = z.object({
  added_tokens: z.array(z.object({ id: z.int().nonnegative(), content: z.string() })),
  pre_tokenizer: z.object({
    type: z.literal("Split"),
    pattern: z.object({ Regex: z.literal(SPLIT_PATTERN) }),
    behavior: z.literal("Isolated"),
  }),
  model: z.object({
    type: z.literal("BPE"),
    unk_token: z.literal(SPECIAL_TOKENS[UNK_ID]),
    byte_fallback: z.literal(false).optional(),
    vocab: z.record(z.string(), z.int().nonnegative()),
    merges: z.array(mergeSchema),
  }),
});

/** Text to token ids and back, by one bundle's vocabulary. */
export class Tokenizer {
  readonly #pieces: readonly string[];
  readonly #encoder: BytePairEncoder;

  private constructor(pieces: readonly string[], merges: readonly (readonly [string, string])[]) {
    this.#pieces = pieces;
    this.#encoder = new BytePairEncoder(new Map(pieces.map((piece, id) => [piece, id])), merges, UNK_ID);
  }

  /**
   * From the parsed content of tokenizer.json.
   * @throws BundleError `tokenizer`, naming the field, when it is not a tokenizer of this project.
   */
  static fromJson(value: unknown): Tokenizer {
    const parsed = tokenizerSchema.safeParse(value);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new BundleError("tokenizer", `tokenizer.json: ${issue.path.join(".") || "(whole)"}: ${issue.message}`);
    }
    const { added_tokens: added, model } = parsed.data;
    const pieces: string[] = [];
    for (const [piece, id] of Object.entries(model.vocab)) pieces[id] = piece;
    for (const { id, content } of added) pieces[id] = content;
    for (let id = 0; id < pieces.length; id++) {
      if (pieces[id] === undefined)
        throw new BundleError("tokenizer", `tokenizer.json: model.vocab: id ${id} is missing`);
    }
    for (const [id, token] of SPECIAL_TOKENS.entries()) {
      if (pieces[id] !== token) {
        const found = pieces[id] === undefined ? "nothing" : `"${pieces[id]}"`;
        throw new BundleError("tokenizer", `tokenizer.json: id ${id} must be "${token}", found ${found}`);
      }
    }
    return new Tokenizer(pieces, model.merges);
  }

  /** Number of ids, special tokens included. */
  get vocabularySize(): number {
    return this.#pieces.length;
  }

  /** Token ids of a whole text, no special tokens added; text that looks like a special token is text. */
  encode(text: string): number[] {
    return splitPieces(text).flatMap((piece) => this.encodePiece(piece));
  }

  /** Token ids of one piece of normalised text, its `▁` included. */
  encodePiece(piece: string): readonly number[] {
    return this.#encoder.encode(piece);
  }

  /**
   * The same with merges left out (BPE-dropout, Provilkov et al. 2020), for training.
   * @param dropped asked before each merge that could come next.
   */
  cutPiece(piece: string, dropped: () => boolean): number[] {
    return this.#encoder.cut(piece, dropped);
  }

  /** Text of target ids: special ids dropped, one space for several, none at the ends. */
  decode(ids: Iterable<number>): string {
    let text = "";
    for (const id of ids) text += this.textOf(id);
    return text.replace(/ +/g, " ").replace(/^ | $/g, "");
  }

  /** What one id adds to the text, with `▁` as a space; "" for special ids. */
  textOf(id: number): string {
    return id < SPECIAL_TOKENS.length ? "" : this.pieceOf(id).replaceAll(SPACE_MARK, " ");
  }

  /**
   * The id's text in the vocabulary, `▁` and special tokens as they stand.
   * @throws RangeError for an id outside the vocabulary.
   */
  pieceOf(id: number): string {
    const piece = this.#pieces[id];
    if (piece === undefined) throw new RangeError(`token id ${id} is outside the vocabulary of ${this.#pieces.length}`);
    return piece;
  }
}
