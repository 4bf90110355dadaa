// The rules that caption lines keep, by name: how wide, how many rows, how long, how fast.

/** Whether words roll up onto the screen one by one, or whole captions take each other's place. */
export type CaptionMode = "roll-up" | "pop-on";

export interface CaptionStyle {
  name: CaptionStyleName;
  /** What the live screen does; files and platforms always get whole captions. */
  mode: CaptionMode;
  /** Columns of a line: a full-width character takes two. */
  columns: number;
  rows: number;
  /** A caption's shortest and longest time on the screen. */
  minMs: number;
  maxMs: number;
  /** From one caption's end to the next one's start. */
  gapMs: number;
  /** The fastest that a caption may have to be read: columns a second. */
  columnsPerSecond: number;
}

export const CAPTION_STYLE_NAMES = ["bbc-live", "netflix", "cta-608"] as const;
export type CaptionStyleName = (typeof CAPTION_STYLE_NAMES)[number];

/** Netflix's speed for adults; also where the other rules give none. */
const ADULT_COLUMNS_PER_SECOND = 17;

const STYLES: Readonly<Record<CaptionStyleName, CaptionStyle>> = {
  // BBC Subtitle Guidelines, live subtitles: word by word, two scrolling lines of teletext's 37 characters.
  "bbc-live": {
    name: "bbc-live",
    mode: "roll-up",
    columns: 37,
    rows: 2,
    minMs: 1_000,
    maxMs: 7_000,
    gapMs: 0,
    columnsPerSecond: ADULT_COLUMNS_PER_SECOND,
  },
  // Netflix Timed Text Style Guide, general requirements: 5/6 s to 7 s, two frames between captions (at 24 a second).
  netflix: {
    name: "netflix",
    mode: "pop-on",
    columns: 42,
    rows: 2,
    minMs: 834,
    maxMs: 7_000,
    gapMs: 84,
    columnsPerSecond: ADULT_COLUMNS_PER_SECOND,
  },
  // ANSI/CTA-608: 32 columns, roll-up captions of two, three or four rows.
  "cta-608": {
    name: "cta-608",
    mode: "roll-up",
    columns: 32,
    rows: 3,
    minMs: 1_000,
    maxMs: 7_000,
    gapMs: 0,
    columnsPerSecond: ADULT_COLUMNS_PER_SECOND,
  },
};

/** The rows that a style may be given; undefined for one whose rows are fixed. */
export const ROW_CHOICES: Readonly<Partial<Record<CaptionStyleName, readonly [number, number]>>> = {
  "cta-608": [2, 4],
};

/**
 * A style by its name.
 *
 * @param rows how many, where the style lets one choose
 * @throws RangeError for rows that the style does not have
 */
export function captionStyle(name: CaptionStyleName, rows?: number): CaptionStyle {
  const style = STYLES[name];
  if (rows === undefined || rows === style.rows) return style;
  const choice = ROW_CHOICES[name];
  if (choice === undefined) throw new RangeError(`${name} has ${style.rows} rows, not ${rows}`);
  if (!Number.isInteger(rows) || rows < choice[0] || rows > choice[1]) {
    throw new RangeError(`${name} has ${choice[0]} to ${choice[1]} rows, not ${rows}`);
  }
  return { ...style, rows };
}
