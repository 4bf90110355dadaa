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
  const text = measure(words, language);
  // What cannot fit is not worth a search: a space goes with each line's end at most.
  if (text.columns(0, words.length) > captionColumns(limits) + limits.rows - 1) return undefined;
  return captionsFrom(0, text, limits)
    .get(words.length)
    ?.lines.map(([start, end]) => words.slice(start, end));
}

/** Whether one caption holds the words: whether {@link breakLines} has lines for them, asked at every word that comes. */
export function fitsCaption(words: readonly CaptionWord[], limits: LineLimits, language: string): boolean {
  if (rowsFilled(words, limits.columns) > limits.rows) return false;
  const most = captionColumns(limits);
  // As one line they have all their spaces, of which lines' ends take some.
  if (most === limits.rows * limits.columns || columnsOf(words) <= most) return true;
  return breakLines(words, limits, language) !== undefined;
}

/** The fewest lines that the words can stand on: each takes what it can. */
function rowsFilled(words: readonly CaptionWord[], columns: number): number {
  let rows = 0;
  let used = columns;
  for (const word of words) {
    const wider = used + word.columns + (word.spaced ? 1 : 0);
    if (rows > 0 && wider <= columns) {
      used = wider;
    } else {
      rows += 1;
      used = word.columns;
    }
  }
  return rows;
}

/** The best captions for the words, in order: each a list of lines. Every word is in one of them. */
export function breakCaptions<Word extends CaptionWord>(
  words: readonly Word[],
  limits: LineLimits,
  language: string,
): Word[][][] {
  const text = measure(words, language);
  // best[end]: the cheapest way to set the words before it.
  const best: { cost: number; from: number; lines: readonly Line[] }[] = [{ cost: 0, from: 0, lines: [] }];
  for (let from = 0; from < words.length; from++) {
    for (const [end, { cost, lines }] of captionsFrom(from, text, limits)) {
      const pause = end === words.length ? 0 : text.pauses[end - 1] * CAPTION_END_WEIGHT;
      const total = best[from].cost + cost + pause + CAPTION_COST;
      if (best[end] === undefined || total < best[end].cost) best[end] = { cost: total, from, lines };
    }
  }
  const captions: Word[][][] = [];
  for (let end = words.length; end > 0; end = best[end].from) {
    captions.unshift(best[end].lines.map(([start, stop]) => words.slice(start, stop)));
  }
  return captions;
}

/** From a word to before another, by their places. */
type Line = readonly [start: number, end: number];

/** What is asked of the words again and again, worked out once. */
interface MeasuredText {
  length: number;
  /** The cost of a line's end after each word but the last. */
  pauses: readonly number[];
  /** Columns of a line of the words from `start` to before `end`. */
  columns(start: number, end: number): number;
}

function measure(words: readonly CaptionWord[], language: string): MeasuredText {
  const before = [0];
  for (const { columns, spaced } of words) before.push(before[before.length - 1] + columns + (spaced ? 1 : 0));
  return {
    length: words.length,
    pauses: words.slice(1).map((word, index) => breakCost(words[index], word, language)),
    columns: (start, end) => before[end] - before[start] - (start < end && words[start].spaced ? 1 : 0),
  };
}

/** The lines of one caption so far. */
interface Partial {
  cost: number;
  /** Columns of all lines. */
  columns: number;
  lines: readonly Line[];
}

/** The best caption from a word on, for each place where it may end: line by line, for each place where the last line begins. */
function captionsFrom(from: number, text: MeasuredText, limits: LineLimits): Map<number, Partial> {
  const captions = new Map<number, Partial>();
  const most = captionColumns(limits);
  // Partials by where they end; of those that end alike with a last line that begins alike only the cheapest goes on.
  let open: ReadonlyMap<number, readonly Partial[]> = new Map([[from, [{ cost: 0, columns: 0, lines: [] }]]]);
  for (let row = 0; row < limits.rows && open.size > 0; row++) {
    const next = new Map<number, Partial[]>();
    for (const [start, partials] of open) {
      for (let end = start + 1; end <= text.length && text.columns(start, end) <= limits.columns; end++) {
        const partial = cheapest(partials, [start, end], text, most);
        if (partial === undefined) break;
        const ending = next.get(end);
        if (ending === undefined) next.set(end, [partial]);
        else ending.push(partial);
        const known = captions.get(end);
        if (known === undefined || partial.cost < known.cost) captions.set(end, partial);
      }
    }
    open = next;
  }
  return captions;
}

/** The cheapest of the partials with a line more; undefined where all of them would have too many columns. */
function cheapest(partials: readonly Partial[], line: Line, text: MeasuredText, most: number): Partial | undefined {
  const width = text.columns(line[0], line[1]);
  let best: Partial | undefined;
  for (const { cost, columns, lines } of partials) {
    if (columns + width > most) continue;
    const above = lines.at(-1);
    let total = cost;
    if (above !== undefined) {
      const difference = text.columns(above[0], above[1]) - width;
      total += text.pauses[line[0] - 1] + LINE_COST + Math.abs(difference) * UNEVEN_COST * (difference > 0 ? 1.5 : 1);
    }
    if (best === undefined || total < best.cost)
      best = { cost: total, columns: columns + width, lines: [...lines, line] };
  }
  return best;
}
