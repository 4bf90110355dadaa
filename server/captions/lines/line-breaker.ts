// Words to lines, and lines to captions, broken where a reader pauses: the least cost over all ways to do it.

import type { CaptionStyle } from "./caption-style.ts";
import { type CaptionWord, columnsOf } from "./caption-word.ts";
import { breakCost } from "./phrase-break.ts";

/** What lines must keep to. */
export type LineLimits = Pick<CaptionStyle, "columns" | "rows" | "maxMs" | "columnsPerSecond">;

/** A second line costs as much as some difference between lines: a caption that fits on one line stays there. */
const LINE_COST = 8;
/** Captions cost more than lines, and a caption's end should be a better pause than a line's. */
const CAPTION_COST = 12;
const CAPTION_END_WEIGHT = 2;
/** For each column by which a caption's lines differ; a first line that is the longer one costs half as much again. */
const UNEVEN_COST = 0.35;

/** The most columns that a caption can have and still be read in its longest time. */
export function captionColumns({ rows, columns, maxMs, columnsPerSecond }: LineLimits): number {
  return Math.min(rows * columns, Math.floor((maxMs / 1000) * columnsPerSecond));
}

/**
 * The best lines for one caption; undefined where the words do not fit on `rows` lines, or could not be read in time.
 *
 * @param words each at most `columns` wide
 */
export function breakLines<Word extends CaptionWord>(
  words: readonly Word[],
  limits: LineLimits,
  language: string,
): Word[][] | undefined {
  return bestLines(words, limits, language)?.lines;
}

/** The best captions for the words, in order: each a list of lines. Every word is in one of them. */
export function breakCaptions<Word extends CaptionWord>(
  words: readonly Word[],
  limits: LineLimits,
  language: string,
): Word[][][] {
  // best[i]: the cheapest way to set the first i words; a caption is never longer than its columns allow.
  const best: { cost: number; from: number; lines: Word[][] }[] = [{ cost: 0, from: 0, lines: [] }];
  for (let end = 1; end <= words.length; end++) {
    best[end] = { cost: Number.POSITIVE_INFINITY, from: end - 1, lines: [] };
    for (let from = end - 1; from >= 0; from--) {
      const caption = words.slice(from, end);
      const set = bestLines(caption, limits, language);
      if (set === undefined) break;
      const pause = end === words.length ? 0 : breakCost(words[end - 1], words[end], language) * CAPTION_END_WEIGHT;
      const cost = best[from].cost + set.cost + pause + CAPTION_COST;
      if (cost < best[end].cost) best[end] = { cost, from, lines: set.lines };
    }
  }
  const captions: Word[][][] = [];
  for (let end = words.length; end > 0; end = best[end].from) captions.unshift(best[end].lines);
  return captions;
}

function bestLines<Word extends CaptionWord>(
  words: readonly Word[],
  limits: LineLimits,
  language: string,
): { cost: number; lines: Word[][] } | undefined {
  if (words.length === 0) return undefined;
  if (columnsOf(words) > captionColumns(limits) + limits.rows - 1) return undefined;
  let best: { cost: number; lines: Word[][] } | undefined;
  const visit = (from: number, lines: Word[][], cost: number): void => {
    if (best !== undefined && cost >= best.cost) return;
    if (from === words.length) {
      const total = cost + unevenness(lines);
      if (lineColumns(lines) <= captionColumns(limits) && (best === undefined || total < best.cost)) {
        best = { cost: total, lines };
      }
      return;
    }
    if (lines.length === limits.rows) return;
    const line: Word[] = [];
    for (let end = from; end < words.length; end++) {
      line.push(words[end]);
      if (columnsOf(line) > limits.columns) break;
      const pause = end + 1 === words.length ? 0 : breakCost(words[end], words[end + 1], language) + LINE_COST;
      visit(end + 1, [...lines, [...line]], cost + pause);
    }
  };
  visit(0, [], 0);
  return best;
}

function lineColumns(lines: readonly CaptionWord[][]): number {
  return lines.reduce((sum, line) => sum + columnsOf(line), 0);
}

function unevenness(lines: readonly CaptionWord[][]): number {
  let cost = 0;
  for (let row = 1; row < lines.length; row++) {
    const difference = columnsOf(lines[row - 1]) - columnsOf(lines[row]);
    cost += Math.abs(difference) * UNEVEN_COST * (difference > 0 ? 1.5 : 1);
  }
  return cost;
}
