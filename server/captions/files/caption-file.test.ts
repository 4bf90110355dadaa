import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  CAPTION_FORMATS,
  decodeCaptionFile,
  formatOfName,
  formatOfText,
  readCaptions,
  writeCaptions,
} from "./caption-file.ts";
import { CaptionFileError, type Cue } from "./cue.ts";

const CUES: Cue[] = [
  { start: 0, end: 1_500, lines: ["Good morning."] },
  { start: 1_584, end: 4_000, lines: ['Fish & chips <b> "here"', "1 < 2, 3 > 2"] },
  { start: 3_723_004, end: 3_725_000, lines: ["שלום, 日本語 👩‍🚀"] },
];

const utf8 = (text: string) => new TextEncoder().encode(text);

/** The line that an error names, and its message. */
function problem(read: () => unknown): [number | undefined, string] {
  try {
    read();
  } catch (error) {
    if (error instanceof CaptionFileError) return [error.line, error.message];
    throw error;
  }
  throw new Error("no error was thrown");
}

describe("every format", () => {
  it.each(CAPTION_FORMATS)("%s is read back as it was written", (format) => {
    const cues =
      format === "srt"
        ? CUES.map((cue) => ({ ...cue, lines: cue.lines.map((line) => line.replace(" <b>", "")) }))
        : CUES;
    const text = writeCaptions(cues, format, "en");
    expect(formatOfText(text)).toBe(format);
    expect(readCaptions(text)).toEqual(cues);
  });

  const line = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 20 })
    .map((text) => text.replace(/[\s\p{Cc}\p{Cs}\ufffe\uffff]+/gu, " ").trim())
    .filter((text) => text !== "");
  // SubRip knows neither escapes nor a way to write an arrow: what looks like markup there is markup.
  const inSrt = (text: string) => !/-->|<\/?(?:[bius]|font)|\{\\/i.test(text);
  const times = fc.tuple(fc.nat(90_000_000), fc.nat(60_000)).map(([start, length]) => ({ start, end: start + length }));
  const cuesOf = (fits: (text: string) => boolean) =>
    fc.array(
      fc
        .tuple(times, fc.array(line.filter(fits), { minLength: 1, maxLength: 3 }))
        .map(([when, lines]) => ({ ...when, lines })),
    );

  it.each(CAPTION_FORMATS)("%s is read back as it was written, whatever it says", (format) => {
    fc.assert(
      fc.property(cuesOf(format === "srt" ? inSrt : () => true), (cues) => {
        const sorted = [...cues].sort((a, b) => a.start - b.start);
        expect(readCaptions(writeCaptions(cues, format, "en"), format)).toEqual(sorted);
      }),
    );
  });

  it("is known by its name, or by how it begins", () => {
    expect(["a.srt", "b.VTT", "c.d.ttml", "e.dfxp", "f.xml", "g.txt", "h"].map(formatOfName)).toEqual([
      ...["srt", "vtt", "ttml", "ttml", "ttml"],
      ...[undefined, undefined],
    ]);
    expect(formatOfText('<tt xmlns="x">')).toBe("ttml");
    expect(formatOfText("WEBVTTX")).toBe("srt");
  });
});

describe("decodeCaptionFile", () => {
  it("takes UTF-8 with and without its mark, UTF-16 with it, and any line ends", () => {
    expect(decodeCaptionFile(utf8("\ufeffä\r\nb\rc\n"))).toBe("ä\nb\nc\n");
    expect(decodeCaptionFile(utf8("ä"))).toBe("ä");
    expect(decodeCaptionFile(Buffer.from("\ufeffä\r\n", "utf16le"))).toBe("ä\n");
    expect(decodeCaptionFile(Buffer.from("\ufeffä", "utf16le").swap16())).toBe("ä");
  });

  it("names the line of bytes that are no UTF-8", () => {
    const bytes = Buffer.concat([utf8("1\n00:00:01,000 --> 00:00:02,000\n"), Buffer.from([0x66, 0xfc, 0x72])]);
    const [line, message] = problem(() => decodeCaptionFile(bytes));
    expect(line).toBe(3);
    expect(message).toContain("iconv");
  });
});

describe("SubRip", () => {
  it("is read with what programs write beside the standard", () => {
    const text = [
      "",
      "1",
      "00:00:01.5 --> 00:00:02,000 X1:10 X2:20",
      "{\\an8}<i>Hello</i> <font color='red'>there</font>",
      "  ",
      "",
      "00:00:00,5 --> 00:00:01,000",
      "no number, 2 <3",
      "",
      "7",
      "00:01:00,000 --> 00:01:01,000",
    ].join("\n");
    expect(readCaptions(text, "srt")).toEqual([
      { start: 500, end: 1_000, lines: ["no number, 2 <3"] },
      { start: 1_500, end: 2_000, lines: ["Hello there"] },
      { start: 60_000, end: 61_000, lines: [] },
    ]);
  });

  it.each([
    ["text without times", "1\nHello\n", 1, "00:00:01,000 --> 00:00:04,000"],
    ["a time that is none", "1\n00:00:01,000 --> soon\nHello\n", 2, "soon is no time"],
    ["minutes past 59", "1\n00:61:01,000 --> 00:62:00,000\nHello\n", 2, "00:61:01,000 is no time"],
    [
      "an end before its start",
      "1\n00:00:01,000 --> 00:00:02,000\na\n\n2\n00:00:05,000 --> 00:00:04,000\nb\n",
      6,
      "ends before",
    ],
    ["a blank line in a cue", "1\n00:00:01,000 --> 00:00:02,000\na\n\nb\n", 5, "number and times"],
  ])("names the line of %s", (_name, text, line, message) => {
    const [found, said] = problem(() => readCaptions(text, "srt"));
    expect(found).toBe(line);
    expect(said).toContain(message);
  });

  it("writes no arrow into a cue", () => {
    expect(writeCaptions([{ start: 0, end: 1, lines: ["a --> b"] }], "srt", "en")).toBe(
      "1\n00:00:00,000 --> 00:00:00,001\na → b\n",
    );
  });
});

describe("WebVTT", () => {
  it("is read with headers, notes, styles, names, settings, tags and entities", () => {
    const text = [
      "WEBVTT - a title",
      "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000",
      "",
      "NOTE a note",
      "that --> goes on",
      "",
      "STYLE",
      "::cue { color: red }",
      "",
      "intro",
      "00:01.000 --> 00:02.000 line:0 align:start",
      "<v Roger>Fish &amp; <c.loud>chips</c> <00:01.500>&lt;now&gt;&nbsp;&#33;&unknown;",
      "<ruby>漢<rt>kan</rt></ruby>",
      "",
      "01:00:00.000 --> 01:00:01.000",
      "b",
    ].join("\n");
    expect(readCaptions(text)).toEqual([
      { start: 1_000, end: 2_000, lines: ["Fish & chips <now>\u00a0!&unknown;", "漢"], settings: "line:0 align:start" },
      { start: 3_600_000, end: 3_601_000, lines: ["b"] },
    ]);
  });

  it("keeps a cue's settings", () => {
    const text = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000 line:0\na\n";
    expect(writeCaptions(readCaptions(text), "vtt", "en")).toBe(text);
  });

  it.each([
    ["no header", "00:01.000 --> 00:02.000\na", 1, "begins with WEBVTT"],
    ["a cue without times", "WEBVTT\n\nname\ntext\n", 4, "times were expected"],
    ["a name alone", "WEBVTT\n\nname\n\n", 4, "times were expected"],
    ["a comma", "WEBVTT\n\n00:01.000 --> 0:0:0:1\na\n", 3, "0:0:0:1 is no time"],
  ])("names the line of %s", (_name, text, line, message) => {
    const [found, said] = problem(() => readCaptions(text, "vtt"));
    expect(found).toBe(line);
    expect(said).toContain(message);
  });
});

describe("TTML", () => {
  const tt = (body: string, attributes = "") =>
    `<?xml version="1.0"?>\n<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:tts="http://www.w3.org/ns/ttml#styling" ${attributes}>\n${body}\n</tt>`;

  it("is read with nested times, durations, frames, ticks, line breaks and spans", () => {
    const text = tt(
      [
        "<head><metadata><title>not shown</title></metadata></head>",
        '<body begin="10s"><div begin="1s">',
        '<p begin="1s" end="00:00:02:05">  Fish &amp;\n   <span tts:color="red">chips</span><br/>now </p>',
        '<p begin="50t" dur="500ms">a<metadata>no</metadata></p>',
        '<p><span begin="5s" end="6s">b</span>\n<span begin="6s" end="7s">c<span tts:ruby="text">no</span></span></p>',
        "</div></body>",
      ].join("\n"),
      'ttp:frameRate="25" ttp:frameRateMultiplier="1000 1001" ttp:tickRate="10"',
    );
    expect(readCaptions(text)).toEqual([
      { start: 12_000, end: 11_000 + Math.round((2 + (5 * 1.001) / 25) * 1000), lines: ["Fish & chips", "now"] },
      { start: 16_000, end: 16_500, lines: ["a"] },
      { start: 16_000, end: 17_000, lines: ["b"] },
      { start: 17_000, end: 18_000, lines: ["c"] },
    ]);
  });

  it.each([
    ["XML that breaks off", tt("<body><div><p begin='1s' end='2s'>a</div></body>"), 3, "this is no XML"],
    ["another root", "<html/>", 1, "expected <tt>"],
    ["a time that is none", tt('<body><div>\n<p begin="soon">a</p></div></body>'), 4, 'begin="soon" is no time'],
    ["a cue without end", tt('<body><div>\n\n<p begin="1s">a</p></div></body>'), 5, "has no end"],
    ["cues in sequence", tt('<body timeContainer="seq"/>'), 3, 'timeContainer="seq"'],
  ])("names the line of %s", (_name, text, line, message) => {
    const [found, said] = problem(() => readCaptions(text, "ttml"));
    expect(found).toBe(line);
    expect(said).toContain(message);
  });

  it("says which way its text is written, and leaves out what XML cannot hold", () => {
    expect(writeCaptions(CUES, "ttml", "he")).toContain('tts:direction="rtl"');
    expect(writeCaptions([{ start: 0, end: 1, lines: ["a\u0000b"] }], "ttml", "en")).toContain(">ab<");
  });
});
