// A translated sentence back on the cues that it was said in: each gets its share, cut where a reader pauses.
import type { CaptionWord } from "../lines/caption-word.ts";
import { columnsOf } from "../lines/caption-word.ts";
import { BREAK_COSTS, breakCost } from "../lines/phrase-break.ts";
import type { CueShare } from "./cue-text.ts";

/** A column away from the share that a cue should have costs as much as this part of a break's cost. */
const COLUMN_COST = 0.5;
/** A cue that gets nothing, though something was said in it, is a last resort. */
const EMPTY_COST = 2 * BREAK_COSTS.inWord;

/**
 * The words of each share, in order, every word in one of them: the least cost over all ways to cut, where a cut costs
 * by what it parts and by how far it is from where the source was cut.
 */
export function placeOnCues<Word extends CaptionWord>(
  words: readonly Word[],
  shares: readonly CueShare[],
  language: string,
): Word[][] {
  if (shares.length === 0) return [];
  const total = shares.reduce((sum, { characters }) => sum + characters, 0);
  const columns = [0, ...words.map((_, index) => columnsOf(words.slice(0, index + 1)))];
  let soFar = 0;
  const ideal = shares.map(({ characters }) => {
    soFar += characters;
    return (columns[words.length] * soFar) / total;
  });
  // best[end] after each share: the cheapest way to give the first `end` words to the shares up to it.
  let best = words.length === 0 ? [0] : [0, ...words.map(() => Number.POSITIVE_INFINITY)];
  const from: number[][] = [];
  for (const [share, place] of ideal.entries()) {
    const last = share === shares.length - 1;
    const next = best.map(() => Number.POSITIVE_INFINITY);
    const cuts = best.map(() => 0);
    for (let end = 0; end <= words.length; end++) {
      if (last && end < words.length) continue;
      const parts = end === 0 || end === words.length ? 0 : breakCost(words[end - 1], words[end], language);
      const cutCost = last ? 0 : parts + Math.abs(columns[end] - place) * COLUMN_COST;
      for (let start = 0; start <= end; start++) {
        const cost = best[start] + cutCost + (start === end ? EMPTY_COST : 0);
        if (cost < next[end]) [next[end], cuts[end]] = [cost, start];
      }
    }
    best = next;
    from.push(cuts);
  }
  const placed: Word[][] = [];
  for (let share = shares.length - 1, end = words.length; share >= 0; share--) {
    const start = from[share][end];
    placed.unshift(words.slice(start, end));
    end = start;
  }
  return placed;
}
