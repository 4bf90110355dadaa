// A small vocabulary for tests and load generators, where no trained bundle is at hand.
import { SPACE_MARK, SPLIT_PATTERN } from "./pieces.ts";
import { Tokenizer } from "./tokenizer.ts";
import { SPECIAL_TOKENS, UNK_ID } from "./vocabulary.ts";

const ALPHABET = `${SPACE_MARK}abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäöüßéÄÖÜ0123456789.,;:!?'’"()-=≠<>𝒜\u0301\u0338`;

/** Left and right of each merge, in order of rank. */
const MERGES =
  "t h,e r,i n,e n,th e,▁ the,▁ a,▁ in,c h,s ch,▁ d,▁d er,▁d i,▁di e,n d,u nd,▁ und,o n,s t,▁ w,▁w e,o r,or d,▁w ord";

/** The parsed content of a tokenizer.json, as the trainer writes it. */
export function standInTokenizerJson() {
  const merges = MERGES.split(",").map((merge) => merge.split(" "));
  const pieces = [...SPECIAL_TOKENS, ...ALPHABET, ...merges.map((pair) => pair.join(""))];
  const special = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: "1.0",
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({ id, content, ...special })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "NFC" },
        { type: "Prepend", prepend: SPACE_MARK },
        { type: "Replace", pattern: { Regex: `[\\s${SPACE_MARK}]+` }, content: SPACE_MARK },
        { type: "Replace", pattern: { Regex: `${SPACE_MARK}$` }, content: "" },
      ],
    },
    pre_tokenizer: { type: "Split", pattern: { Regex: SPLIT_PATTERN }, behavior: "Isolated", invert: false },
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE_MARK }, content: " " },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: SPECIAL_TOKENS[UNK_ID],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges,
    },
  };
}

/** A tokenizer of about 130 ids: letters, digits, signs and a few joined pieces of English and German. */
export function standInTokenizer(): Tokenizer {
  return Tokenizer.fromJson(standInTokenizerJson());
}
