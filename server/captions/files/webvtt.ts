// WebVTT (.vtt), as the W3C defines it: a header, notes and styles that are passed over, cues.
import { CaptionFileError, type Cue, checkedCues, tidyLines } from "./cue.ts";
import { formatClock, parseClock } from "./timestamp.ts";

const TIMES = /^(\S+)[ \t]+-->[ \t]+(\S+)(?:[ \t]+(.*))?$/;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  nbsp: "\u00a0",
  lrm: "\u200e",
  rlm: "\u200f",
  quot: '"',
  apos: "'",
};

/** Throws CaptionFileError naming the line. */
export function readWebVtt(text: string): Cue[] {
  const lines = text.split("\n");
  if (!/^WEBVTT(?:[ \t].*)?$/.test(lines[0])) {
    throw new CaptionFileError("a WebVTT file begins with WEBVTT alone in its first line", 1);
  }
  const cues: (Cue & { line: number })[] = [];
  let at = 1;
  while (at < lines.length) {
    const first = at;
    while (at < lines.length && lines[at].trim() !== "") at += 1;
    if (at > first && !(first === 1 && !lines.slice(1, at).some((line) => line.includes("-->")))) {
      const cue = readBlock(lines, first, at);
      if (cue !== undefined) cues.push(cue);
    }
    at += 1;
  }
  return checkedCues(cues);
}

/** A block of lines: a cue, or undefined for a note, a style sheet or a region. */
function readBlock(lines: readonly string[], first: number, end: number): (Cue & { line: number }) | undefined {
  if (/^(?:NOTE|STYLE|REGION)(?:[ \t]|$)/.test(lines[first])) return undefined;
  const place = lines[first].includes("-->") ? first : first + 1;
  const [, from, to, settings] = TIMES.exec(place < end ? lines[place].trim() : "") ?? [];
  if (from === undefined) {
    throw new CaptionFileError("a cue's times were expected here, such as 00:01.000 --> 00:04.000", place + 1);
  }
  const [start, endTime] = [from, to].map((time) => {
    const ms = parseClock(time);
    if (ms === undefined) throw new CaptionFileError(`${time} is no time: expected one such as 00:01.000`, place + 1);
    return ms;
  });
  const text = lines.slice(place + 1, end).join("\n");
  const cue = { start, end: endTime, lines: tidyLines(plainText(text)), line: place + 1 };
  return settings === undefined || settings.trim() === "" ? cue : { ...cue, settings: settings.trim() };
}

/** Cue text without its tags, its entities as the characters that they stand for; the reading of a ruby is left out. */
function plainText(text: string): string {
  return text
    .replace(/<rt(?:\.[^>]*)?>[\s\S]*?<\/rt>/g, "")
    .replace(/<[^>]*>/g, "")
    .replace(/&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|([a-z]+));/g, (whole, decimal, hex, name) => {
      if (name !== undefined) return ENTITIES[name] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code > 0 && code <= 0x10_ffff ? String.fromCodePoint(code) : whole;
    });
}

export function writeWebVtt(cues: readonly Cue[]): string {
  return ["WEBVTT\n", ...cues.map(writeCue)].join("\n");
}

/** One cue, with its line end, as it stands in a file and in a segment. */
export function writeCue({ start, end, lines, settings }: Cue): string {
  const times = `${formatClock(start)} --> ${formatClock(end)}`;
  return `${settings === undefined ? times : `${times} ${settings}`}\n${lines.map(escapeCueText).join("\n")}\n`;
}

/** Text in which nothing is a tag or an entity; `-->` cannot stand in a cue, and is escaped with the rest. */
function escapeCueText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
