// A cue of a caption file, the same for every format, and what is wrong with a file that cannot be read.

export interface Cue {
  /** Milliseconds of the file's clock. */
  start: number;
  end: number;
  /** Plain text: what a format says about looks is left out. */
  lines: string[];
  /** Where WebVTT places it (`line:0 align:start`): kept from WebVTT to WebVTT. */
  settings?: string;
}

/** A file that breaks its format's rules; the message says in which line and what was expected. */
export class CaptionFileError extends Error {
  override readonly name = "CaptionFileError";
  /** Counts from 1; undefined where the file as a whole is wrong. */
  readonly line: number | undefined;

  constructor(message: string, line?: number) {
    super(line === undefined ? message : `line ${line}: ${message}`);
    this.line = line;
  }
}

/** In the order of their times; those that begin together keep theirs. Throws CaptionFileError for a cue that ends before it begins. */
export function checkedCues(cues: readonly (Cue & { line: number })[]): Cue[] {
  for (const { start, end, line } of cues) {
    if (end < start) throw new CaptionFileError("the cue ends before it begins: check its two times", line);
  }
  return cues.map(({ line: _line, ...cue }) => cue).sort((a, b) => a.start - b.start);
}

/** Lines of text without white space around them; blank ones, which would end a cue, are gone. */
export function tidyLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
