// SubRip (.srt): numbered cues, times with commas, text to the next blank line.
import { CaptionFileError, type Cue, checkedCues, tidyLines } from "./cue.ts";
import { formatClock, parseClock } from "./timestamp.ts";

/** Times, and what some programs write behind them (`X1:…`), which says nothing of the text. */
const TIMES = /^(\S+)\s*-->\s*(\S+)(?:\s+.*)?$/;
/** The tags and overrides that players know; any other `<…>` is text. */
const MARKUP = /<\/?(?:[biusBIUS]|font(?:\s[^>]*)?|FONT(?:\s[^>]*)?)>|\{\\[^}]*\}/g;

/** Throws CaptionFileError naming the line. */
export function readSrt(text: string): Cue[] {
  const lines = text.split("\n");
  const cues: (Cue & { line: number })[] = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at].trim() === "") {
      at += 1;
      continue;
    }
    // The number is for people: players go by the times.
    if (/^\d+$/.test(lines[at].trim()) && lines[at + 1]?.includes("-->")) at += 1;
    const [, from, to] = TIMES.exec(lines[at].trim()) ?? [];
    if (from === undefined) {
      throw new CaptionFileError(
        "a cue's number and times were expected here, such as 00:00:01,000 --> 00:00:04,000",
        at + 1,
      );
    }
    const [start, end] = [from, to].map((time) => {
      const ms = parseClock(time);
      if (ms === undefined) throw new CaptionFileError(`${time} is no time: expected one such as 00:00:01,000`, at + 1);
      return ms;
    });
    const line = at + 1;
    const body: string[] = [];
    for (at += 1; at < lines.length && lines[at].trim() !== ""; at++) body.push(lines[at]);
    cues.push({ start, end, lines: tidyLines(body.join("\n").replace(MARKUP, "")), line });
  }
  return checkedCues(cues);
}

export function writeSrt(cues: readonly Cue[]): string {
  return cues
    .map(({ start, end, lines }, index) => {
      // An arrow in the text would be taken for times.
      const text = lines.map((line) => line.replaceAll("-->", "→")).join("\n");
      return `${index + 1}\n${formatClock(start, ",")} --> ${formatClock(end, ",")}\n${text}\n`;
    })
    .join("\n");
}
