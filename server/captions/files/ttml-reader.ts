// TTML in (IMSC text profile, DFXP, EBU-TT-D): paragraphs and timed spans as cues, whatever they look like.
import { SaxesParser, type SaxesTagNS } from "saxes";
import { CaptionFileError, type Cue, checkedCues, tidyLines } from "./cue.ts";
import { parseTtmlTime, type TtmlClock, ttmlClock } from "./ttml-time.ts";

const TTML = "http://www.w3.org/ns/ttml";
const PARAMETER = "http://www.w3.org/ns/ttml#parameter";
const STYLING = "http://www.w3.org/ns/ttml#styling";

/** An element that is open. Times are milliseconds of the document. */
interface Open {
  name: string;
  start: number;
  end: number;
  /** Where the text in it goes; undefined where it is shown nowhere. */
  cue: (Cue & { text: string; line: number }) | undefined;
}

/** Throws CaptionFileError naming the line. */
export function readTtml(text: string): Cue[] {
  const reader = new TtmlReader();
  reader.read(text);
  const cues = reader.cues
    .map(({ text, ...cue }) => ({ ...cue, lines: tidyLines(text) }))
    .filter(({ lines }) => lines.length > 0);
  const endless = cues.find(({ end }) => end === Number.POSITIVE_INFINITY);
  if (endless !== undefined) {
    throw new CaptionFileError("this text has no end: its element needs begin and end, or dur", endless.line);
  }
  return checkedCues(cues);
}

class TtmlReader {
  readonly cues: (Cue & { text: string; line: number })[] = [];
  readonly #parser = new SaxesParser({ xmlns: true });
  readonly #open: Open[] = [];
  #clock: TtmlClock = ttmlClock(() => undefined);

  read(text: string): void {
    this.#parser.on("error", (error) => {
      throw new CaptionFileError(`this is no XML: ${error.message.replace(/^[\d:]+ /, "")}`, this.#parser.line);
    });
    this.#parser.on("opentag", (tag) => this.#begin(tag));
    this.#parser.on("closetag", () => this.#open.pop());
    this.#parser.on("text", (part) => {
      // White space is a space unless xml:space says otherwise, which captions do not depend on: lines end at <br/>.
      const cue = this.#open.at(-1)?.cue;
      if (cue !== undefined) cue.text += part.replace(/\s+/g, " ");
    });
    this.#parser.write(text).close();
  }

  #begin(tag: SaxesTagNS): void {
    const parent = this.#open.at(-1);
    if (parent === undefined) {
      if (tag.uri !== TTML || tag.local !== "tt") {
        this.#fail(`the root is <${tag.name}>: expected <tt> of the namespace ${TTML}`);
      }
      this.#clock = ttmlClock((name) => attributeOf(tag, PARAMETER, name));
      this.#open.push({ name: "tt", start: 0, end: Number.POSITIVE_INFINITY, cue: undefined });
      return;
    }
    const name = tag.uri === TTML ? tag.local : "";
    if (name === "br" && parent.cue !== undefined) parent.cue.text += "\n";
    const isText = name === "p" || (name === "span" && parent.cue !== undefined);
    // The reading beside a ruby's base is no text of its own, and nothing in foreign elements is.
    const hidden = !["body", "div", "p", "span"].includes(name) || attributeOf(tag, STYLING, "ruby") === "text";
    const times = hidden ? parent : this.#interval(tag, parent);
    const timed = attributeOf(tag, "", "begin") !== undefined || attributeOf(tag, "", "end") !== undefined;
    let cue = hidden ? undefined : parent.cue;
    if (!hidden && isText && (name === "p" || timed)) {
      cue = { start: times.start, end: times.end, lines: [], text: "", line: this.#parser.line };
      this.cues.push(cue);
    }
    this.#open.push({ name, start: times.start, end: times.end, cue });
  }

  /** When an element is active: its times are within its parent's, which run in parallel. */
  #interval(tag: SaxesTagNS, parent: Open): { start: number; end: number } {
    if (attributeOf(tag, "", "timeContainer") === "seq") {
      this.#fail('timeContainer="seq" is not understood: give every cue its own times');
    }
    const time = (name: string): number | undefined => {
      const text = attributeOf(tag, "", name);
      if (text === undefined) return undefined;
      const ms = parseTtmlTime(text, this.#clock);
      if (ms === undefined) this.#fail(`${name}="${text}" is no time: expected one such as 00:00:01.000 or 1.5s`);
      return ms;
    };
    const start = parent.start + (time("begin") ?? 0);
    const end = time("end");
    const duration = time("dur");
    return {
      start,
      end: Math.min(
        parent.end,
        end === undefined ? Number.POSITIVE_INFINITY : parent.start + end,
        duration === undefined ? Number.POSITIVE_INFINITY : start + duration,
      ),
    };
  }

  #fail(message: string): never {
    throw new CaptionFileError(message, this.#parser.line);
  }
}

function attributeOf(tag: SaxesTagNS, uri: string, local: string): string | undefined {
  return Object.values(tag.attributes).find((one) => one.local === local && one.uri === uri)?.value;
}
