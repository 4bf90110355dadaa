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

// The reserved ids in use. A bundle says which of them its model has learnt; the others are never fed to it.

/** Source tags that ask for a formal or an informal translation (Sennrich et al. 2016, section 3). */
export const FORMAL_ID = 5;
export const INFORMAL_ID = 6;

/** Stand-ins, on both sides, for what is carried over as it is: numbers, names, codes, glossary terms. */
export const PLACEHOLDER_IDS: readonly number[] = [7, 8, 9, 10, 11];

export const isPlaceholder = (id: number): boolean =>
  id >= PLACEHOLDER_IDS[0] && id <= PLACEHOLDER_IDS[PLACEHOLDER_IDS.length - 1];

/** Whether a student may write the id: text, or a placeholder; no other special one. */
export const isWritten = (id: number): boolean => id >= SPECIAL_TOKENS.length || isPlaceholder(id);

/** Source tag of a pair whose source was made by translating its target (Caswell et al. 2019). */
export const BACK_TRANSLATED_ID = 12;

/** Source tags that name the target language of a multilingual model, in the order of its targets. */
export const TARGET_TAG_IDS: readonly number[] = [13, 14, 15];
