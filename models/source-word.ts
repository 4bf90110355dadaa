// A unit of source text as segments read it: a piece with its tokens, or a value that is carried over whole.

/** A piece that nothing to come can change: a word, a digit or a sign. */
export interface SourceWord {
  /** Its text, without the space before. */
  text: string;
  ids: readonly number[];
  /** Whether white space, or the segment's start, stands before it: it begins a word as people count them. */
  startsWord: boolean;
  /** What the translation says for it where a placeholder takes the place of its tokens. */
  value?: string;
}
