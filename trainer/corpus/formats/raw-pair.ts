// What every format gives.

/** A pair as its file has it; nothing is normalised or left out. */
export interface RawPair {
  /** Where it begins in the (source) file, from 1. */
  line: number;
  source: string;
  /** Undefined where there is none: no tab, no such language, no such segment. */
  target: string | undefined;
}
