// The cues of a file as one text to be translated, and which cue each of its characters was said in.
import { captionWords, isUnspaced } from "../lines/caption-word.ts";
import type { Cue } from "./cue.ts";

/** Text that is given to a session, in order. A pause ends a segment whatever its punctuation says. */
export type CueStep = { type: "text"; text: string; cue: number } | { type: "pause" };

/** Sentences are not joined over a silence as long as this. Milliseconds. */
export const PAUSE_MS = 2_000;

const LETTER_OR_DIGIT = /[\p{L}\p{N}]/u;
/** White space as a session's segments have it: it is in no share, since a segment writes it anew. */
const SPACE = /[\p{White_Space}▁]/u;

/** Whether there is anything to translate: a note sign alone stays as it is. */
export function isSpoken({ lines }: Cue): boolean {
  return lines.some((line) => LETTER_OR_DIGIT.test(line));
}

/** What a session is told of the cues; `cue` is the place in the list. */
export function cueSteps(cues: readonly Cue[]): CueStep[] {
  const steps: CueStep[] = [];
  let spokenUntil: number | undefined;
  for (const [index, cue] of cues.entries()) {
    if (!isSpoken(cue)) continue;
    if (spokenUntil !== undefined && cue.start - spokenUntil >= PAUSE_MS) steps.push({ type: "pause" });
    spokenUntil = Math.max(spokenUntil ?? 0, cue.end);
    const text = cue.lines.join(" ");
    // A sentence of a script without spaces goes on in the next cue without one.
    steps.push({ type: "text", text: isUnspaced(text.slice(-1)) ? text : `${text} `, cue: index });
  }
  return steps;
}

/** How much of a segment was said in a cue: characters without white space. */
export interface CueShare {
  cue: number;
  characters: number;
}

/** Deals the segments of a session out over the cues that they came from, in order. */
export class CueShares {
  readonly #left: CueShare[];

  constructor(steps: readonly CueStep[]) {
    this.#left = steps.flatMap((step) =>
      step.type === "pause" ? [] : [{ cue: step.cue, characters: countCharacters(step.text) }],
    );
  }

  /** The shares of the next segment. Throws RangeError where it has more text than the cues. */
  take(source: string): CueShare[] {
    const shares: CueShare[] = [];
    for (let wanted = countCharacters(source); wanted > 0; ) {
      const [head] = this.#left;
      if (head === undefined) throw new RangeError("a segment has more text than the cues that it was made from");
      const characters = Math.min(wanted, head.characters);
      if (characters > 0) shares.push({ cue: head.cue, characters });
      wanted -= characters;
      head.characters -= characters;
      if (head.characters === 0) this.#left.shift();
    }
    return shares;
  }
}

/** Characters (code points) of a text that are no white space. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const character of text) if (!SPACE.test(character)) count += 1;
  return count;
}

/** The words of a cue with their spaces, each at the time when it was said to its end, by its place in the cue. */
export function spokenWords(cue: Cue, language: string): { text: string; at: number }[] {
  const words = captionWords(cue.lines.join(" "), language, Number.POSITIVE_INFINITY);
  const total = words.reduce((sum, { text }) => sum + countCharacters(text), 0);
  let said = 0;
  return words.map(({ text }, index) => {
    said += countCharacters(text);
    const spaced = words[index + 1]?.spaced ?? !isUnspaced(text.slice(-1));
    return { text: spaced ? `${text} ` : text, at: cue.start + ((cue.end - cue.start) * said) / total };
  });
}
