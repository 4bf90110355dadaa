// The special tokens: the first ids of every vocabulary, the same for teacher and student, source and target.

/** Piece texts of ids 0 to 15. The reserved ones keep ids free for tags and placeholders. */
export const SPECIAL_TOKENS: readonly string[] = [
  "<pad>",
  "<s>",
  "</s>",
  "<unk>",
  "<blank>",
  ...Array.from({ length: 11 }, (_, index) => `<reserved-${index}>`),
];

export const PAD_ID = 0;
export const BOS_ID = 1;
export const EOS_ID = 2;
export const UNK_ID = 3;
export const BLANK_ID = 4;
