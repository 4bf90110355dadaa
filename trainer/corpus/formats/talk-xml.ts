// The XML of TED and IWSLT, and WMT's SGML like it: `<seg id="…">` in `<doc>`, or train.tags with a sentence a line.
import { readLines } from "../lines.ts";
import { CorpusFilesError } from "./pair-files.ts";
import { type Place, placeName } from "./place.ts";
import type { RawPair } from "./raw-pair.ts";

interface Segment {
  id: string;
  line: number;
  text: string;
}

/** What stands between two `<doc>` tags, or in the whole file where there are none. */
interface Talk {
  id: string;
  line: number;
  segments: Segment[];
}

// These files are not well-formed XML ("AT&T", "<3"), so they are read by their known tags, not by an XML parser.
const OPENS_TALK = /<doc\b([^>]*)>/i;
const CLOSES_TALK = /<\/doc>/i;
const SEGMENT = /<seg\b([^>]*)>(.*?)<\/seg>/gis;
const SEGMENT_OPEN = /<seg\b[^>]*>(?!.*<\/seg>)/is;
/** Titles and descriptions are translated; addresses, keywords and names are not. */
const TRANSLATED_LINE = /^<(title|description)>(.*)<\/\1>$/i;
const OTHER_LINE =
  /^<\/?(?:doc|url|keywords|speaker|talkid|reviewer|translator|transcript|seg|p|hl|mteval|refset|srcset|tstset|xml)\b|^<[?!]/i;
/** In older train.tags, which have no `<doc>`, a talk begins with its address and has its number after that. */
const ADDRESS_LINE = /^\s*<url>/i;
const TALK_NUMBER = /^\s*<talkid>\s*(\d+)/i;
/** Lines over which a segment may go on. */
const MAXIMUM_SEGMENT_LINES = 100;

/**
 * Pairs by talk and segment id. A segment that one side lacks has no target, or an empty source.
 * @throws CorpusFilesError where the talks of the two files are not the same, or a talk of train.tags, whose lines have no
 * ids, has more of them on one side.
 */
export async function* readTalks(source: Place, target: Place): AsyncGenerator<RawPair> {
  const others = talksOf(target);
  try {
    for await (const talk of talksOf(source)) {
      const other = await others.next();
      if (other.done) throw misfit(source, talk, target, "has no such talk");
      yield* pairTalks(talk, other.value, source, target);
    }
    const more = await others.next();
    if (!more.done) throw misfit(target, more.value, source, "has no such talk");
  } finally {
    await others.return(undefined);
  }
}

function* pairTalks(talk: Talk, other: Talk, source: Place, target: Place): Generator<RawPair> {
  if (talk.id !== other.id) throw misfit(source, talk, target, `has ${name(other)} at line ${other.line} in its place`);
  const byLine = talk.segments.every(({ id }) => id === "") && other.segments.every(({ id }) => id === "");
  if (byLine && talk.segments.length !== other.segments.length) {
    const counts = `has ${other.segments.length} sentences in it, not ${talk.segments.length}`;
    throw misfit(source, talk, target, counts);
  }
  const keyOf = ({ id }: Segment, place: number) => (byLine ? String(place) : id);
  const targets = new Map(other.segments.map((segment, place) => [keyOf(segment, place), segment.text]));
  for (const [place, segment] of talk.segments.entries()) {
    const key = keyOf(segment, place);
    yield { line: segment.line, source: segment.text, target: targets.get(key) };
    targets.delete(key);
  }
  for (const text of targets.values()) yield { line: talk.line, source: "", target: text };
}

const name = ({ id }: Talk): string => (id === "" ? "text outside a talk" : `talk ${id}`);

function misfit(place: Place, talk: Talk, other: Place, problem: string): CorpusFilesError {
  return new CorpusFilesError(`${placeName(place)}:${talk.line}: ${name(talk)}: ${placeName(other)} ${problem}`);
}

async function* talksOf(place: Place): AsyncGenerator<Talk> {
  let number = 0;
  let talk: Talk = { id: "", line: 1, segments: [] };
  let inDocument = false;
  let open = "";
  let openLines = 0;
  for await (const raw of readLines(place)) {
    number += 1;
    const opened = OPENS_TALK.exec(raw);
    if (opened || (!inDocument && ADDRESS_LINE.test(raw))) {
      yield* whole(talk);
      talk = { id: opened ? attribute(opened[1], "docid") : "", line: number, segments: [] };
      inDocument = opened !== null;
    } else if (!inDocument && TALK_NUMBER.test(raw)) talk.id = TALK_NUMBER.exec(raw)![1];
    const text = open === "" ? raw : `${open} ${raw}`;
    for (const [, attributes = "", content = ""] of text.matchAll(SEGMENT)) {
      talk.segments.push({ id: attribute(attributes, "id"), line: number, text: decode(content) });
    }
    if (SEGMENT_OPEN.test(text)) {
      open = text.slice(text.toLowerCase().lastIndexOf("<seg"));
      openLines += 1;
      if (openLines > MAXIMUM_SEGMENT_LINES) break;
    } else {
      open = "";
      openLines = 0;
      const sentence = sentenceOf(raw);
      if (sentence !== undefined) talk.segments.push({ id: "", line: number, text: decode(sentence) });
    }
    if (CLOSES_TALK.test(raw)) {
      yield* whole(talk);
      talk = { id: "", line: number + 1, segments: [] };
      inDocument = false;
    }
  }
  if (openLines > 0) {
    throw new CorpusFilesError(`${placeName(place)}:${number - openLines + 1}: a <seg> without its </seg>`);
  }
  yield* whole(talk);
}

/** A talk with what counts in it: its segments, or where it has none its lines, blank ones too, so that they stay parallel. */
function* whole(talk: Talk): Generator<Talk> {
  const named = talk.segments.filter(({ id }) => id !== "");
  const segments = named.length > 0 ? named : talk.segments;
  if (segments.some(({ text }) => text.trim() !== "")) yield { ...talk, segments };
}

/** A line of train.tags that is text, or holds a translated title. */
function sentenceOf(raw: string): string | undefined {
  const line = raw.trim();
  const titled = TRANSLATED_LINE.exec(line);
  if (titled) return titled[2];
  return OTHER_LINE.test(line) || line.includes("</seg>") ? undefined : line;
}

function attribute(attributes: string, wanted: string): string {
  return new RegExp(`\\b${wanted}\\s*=\\s*["']?([^"'\\s>]*)`, "i").exec(attributes)?.[1] ?? "";
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Entities that are known; a bare & stays. */
function decode(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (whole, decimal, hex, entity) => {
    if (entity !== undefined) return ENTITIES[String(entity).toLowerCase()];
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
