// tokenizer.json: a trained vocabulary in the Hugging Face format, so that any reader of it cuts text as we do.
import { SPACE_MARK, SPLIT_PATTERN } from "../../models/pieces.ts";
import { SPECIAL_TOKENS, UNK_ID } from "../../models/vocabulary.ts";
import type { Bpe } from "./train-bpe.ts";

/** models/pieces.ts's `normalizeText`, as the format says it. */
const normalizer = {
  type: "Sequence",
  normalizers: [
    { type: "NFC" },
    { type: "Prepend", prepend: SPACE_MARK },
    { type: "Replace", pattern: { Regex: `[\\s${SPACE_MARK}]+` }, content: SPACE_MARK },
    { type: "Replace", pattern: { Regex: `${SPACE_MARK}$` }, content: "" },
  ],
};

const decoder = {
  type: "Sequence",
  decoders: [
    { type: "Replace", pattern: { String: SPACE_MARK }, content: " " },
    { type: "Fuse" },
    { type: "Strip", content: " ", start: 1, stop: 0 },
  ],
};

/** The file's content, ready for `JSON.stringify`. */
export function tokenizerJson(bpe: Bpe): Record<string, unknown> {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer,
    pre_tokenizer: { type: "Split", pattern: { Regex: SPLIT_PATTERN }, behavior: "Isolated", invert: false },
    post_processor: null,
    decoder,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: SPECIAL_TOKENS[UNK_ID],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(bpe.vocabulary.map((piece, id) => [piece, id])),
      merges: bpe.merges,
    },
  };
}
