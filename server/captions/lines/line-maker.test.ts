import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Caption, CaptionEvent, CaptionScreen } from "./caption.ts";
import { CAPTION_STYLE_NAMES, type CaptionStyle, captionStyle } from "./caption-style.ts";
import { DIRECTION_MARKS } from "./direction.ts";
import { displayColumns } from "./display-columns.ts";
import { LineMaker } from "./line-maker.ts";
import { anyText, withoutSpaces } from "./lines.testing.ts";

interface Written {
  text: string;
  at: number;
}

/** Each list is a segment's deltas; its final comes with the last of them. */
function make(segments: readonly Written[][], style: CaptionStyle, language = "en") {
  const maker = new LineMaker(style, language);
  const events: CaptionEvent[] = [];
  for (const deltas of segments) {
    let at = 0;
    for (const delta of deltas) {
      at = delta.at;
      events.push(...maker.take({ type: "delta", text: delta.text }, at));
    }
    events.push(...maker.take({ type: "final" }, at));
  }
  const captions = events.filter((event): event is Caption => event.type === "caption");
  const screens = events.filter((event): event is CaptionScreen => event.type === "screen");
  return { events, captions, screens };
}

describe("LineMaker", () => {
  it("rolls words up one by one, as they are written", () => {
    const { screens } = make(
      [
        [
          { text: "The old", at: 0 },
          { text: " harbour is", at: 300 },
          { text: " closed today,", at: 600 },
          { text: " because the sea is rough.", at: 900 },
        ],
        [{ text: "Come back tomorrow.", at: 2_000 }],
      ],
      captionStyle("bbc-live"),
    );
    expect(screens.map(({ lines, at }) => [at, ...lines])).toEqual([
      [0, "The"],
      [300, "The old harbour"],
      [600, "The old harbour is closed"],
      [600, "The old harbour is closed today,"],
      [900, "The old harbour is closed today,", "because the sea is"],
      [900, "The old harbour is closed today,", "because the sea is rough."],
      [2_000, "The old harbour is closed today,", "because the sea is rough. Come back"],
      [2_000, "because the sea is rough. Come back", "tomorrow."],
    ]);
  });

  it("holds a word back until nothing can be added to it", () => {
    const { screens } = make(
      [
        [
          { text: "Donau", at: 0 },
          { text: "dampf", at: 100 },
          { text: "schiff kommt.", at: 200 },
        ],
      ],
      captionStyle("bbc-live"),
      "de",
    );
    expect(screens.map(({ lines }) => lines)).toEqual([["Donaudampfschiff"], ["Donaudampfschiff kommt."]]);
    expect(screens[0].at).toBe(0);
  });

  it("shows whole captions at the end of their segment, with reading speed and delay", () => {
    const { captions, screens } = make(
      [
        [
          { text: "The harbour is", at: 1_000 },
          { text: " closed today.", at: 1_800 },
        ],
      ],
      captionStyle("netflix"),
    );
    expect(captions).toEqual([
      {
        type: "caption",
        index: 0,
        target: "en",
        lines: ["The harbour is closed today."],
        start: 1_800,
        end: 1_800 + Math.ceil(28_000 / (17 * 0.7)),
        readingSpeed: 28_000 / Math.ceil(28_000 / (17 * 0.7)),
        delay: 800,
      },
    ]);
    expect(screens.map(({ lines }) => lines)).toEqual([["The harbour is closed today."]]);
  });

  it("shows a caption that is full before its segment ends", () => {
    const text =
      "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen";
    const deltas = text.split(" ").map((word, index) => ({ text: index === 0 ? word : ` ${word}`, at: index * 100 }));
    const { captions } = make([deltas], captionStyle("netflix"));
    expect(captions.length).toBe(2);
    expect(captions[0].start).toBeLessThan(1_700);
  });

  it("does not make words wait that came long ago", () => {
    const { captions } = make(
      [
        [
          { text: "The harbour", at: 0 },
          { text: " is closed, because", at: 5_000 },
          { text: " of", at: 5_100 },
          { text: " fog.", at: 9_000 },
        ],
      ],
      captionStyle("netflix"),
    );
    expect(captions[0].lines).toEqual(["The harbour is"]);
    expect(captions[0].start).toBe(5_000);
  });

  it("falls behind where speech is too dense to be read, and catches up", () => {
    const segment = (at: number) => [
      { text: "This sentence is as long as a caption line may be, and then it goes on a bit.", at },
    ];
    const dense = Array.from({ length: 6 }, (_, index) => segment(index * 2_000));
    const { captions } = make([...dense, segment(60_000)], captionStyle("netflix"));
    expect(captions[5].delay).toBeGreaterThan(5_000);
    expect(captions.at(-1)?.delay).toBeLessThan(captions[5].delay);
    expect(captions.find(({ start }) => start >= 60_000)?.delay).toBe(0);
  });

  it("writes Japanese without spaces, sentence after sentence", () => {
    const { captions, screens } = make(
      [
        [
          { text: "今日は駅で", at: 0 },
          { text: "会いましょう。", at: 100 },
        ],
        [{ text: "はい。", at: 200 }],
      ],
      captionStyle("bbc-live"),
      "ja",
    );
    expect(captions.map(({ lines }) => lines.join(""))).toEqual(["今日は駅で会いましょう。", "はい。"]);
    expect(screens.at(-1)?.lines.join("")).toBe("今日は駅で会いましょう。はい。");
  });

  const styles = [
    ...CAPTION_STYLE_NAMES.map((name) => captionStyle(name)),
    captionStyle("cta-608", 2),
    captionStyle("cta-608", 4),
  ];
  const segments = fc.array(
    fc
      .tuple(anyText, fc.array(fc.nat(40), { maxLength: 6 }), fc.nat(4_000))
      .map(([text, cuts, pause]) => ({ text, cuts, pause })),
    { maxLength: 4 },
  );

  /** The text of each segment in deltas that are cut anywhere, in the middle of words too, but in no surrogate pair. */
  function deltasOf(given: readonly { text: string; cuts: number[]; pause: number }[]): Written[][] {
    let at = 0;
    return given.map(({ text, cuts, pause }) => {
      const characters = [...text.trim()];
      const places = [0, ...cuts.map((cut) => Math.min(cut, characters.length)), characters.length].sort(
        (a, b) => a - b,
      );
      at += pause;
      return places.slice(1).map((end, index) => {
        at += 150;
        return { text: characters.slice(places[index], end).join(""), at };
      });
    });
  }

  it.each(styles.map((style) => [`${style.name}, ${style.rows} rows`, style] as const))(
    "loses nothing and breaks no limit: %s",
    (_name, style) => {
      fc.assert(
        fc.property(segments, fc.constantFrom("en", "de", "ja", "ar"), (given, language) => {
          const written = deltasOf(given);
          const said = withoutSpaces(
            written
              .flat()
              .map(({ text }) => text)
              .join(""),
          ).replace(DIRECTION_MARKS, "");
          const { captions, screens } = make(written, style, language);
          const shown = captions.flatMap(({ lines }) => lines).join("");
          expect(withoutSpaces(shown).replace(DIRECTION_MARKS, "")).toBe(said);
          for (const [index, caption] of captions.entries()) {
            const { lines, start, end, readingSpeed, delay } = caption;
            expect(caption.index).toBe(index);
            expect(lines.length).toBeLessThanOrEqual(style.rows);
            for (const line of lines) expect(displayColumns(line)).toBeLessThanOrEqual(style.columns);
            const columns = lines.reduce((sum, line) => sum + displayColumns(line), 0);
            expect(end - start).toBeGreaterThanOrEqual(style.minMs);
            expect(end - start).toBeLessThanOrEqual(style.maxMs);
            expect((columns * 1000) / (end - start)).toBeLessThanOrEqual(style.columnsPerSecond);
            expect(readingSpeed).toBeCloseTo((columns * 1000) / (end - start), 6);
            expect(delay).toBeGreaterThanOrEqual(0);
            if (index > 0) expect(start - captions[index - 1].end).toBeGreaterThanOrEqual(style.gapMs);
          }
          for (const { lines } of screens) {
            expect(lines.length).toBeLessThanOrEqual(style.rows);
            for (const line of lines) expect(displayColumns(line)).toBeLessThanOrEqual(style.columns);
          }
          if (style.mode === "roll-up") expect(rolled(screens)).toBe(said);
        }),
        { numRuns: 60 },
      );
    },
  );

  /** All that a rolling screen has shown: every screen must go on from the one before it, the oldest lines apart. */
  function rolled(screens: readonly CaptionScreen[]): string {
    const plain = (lines: readonly string[]) => withoutSpaces(lines.join("")).replace(DIRECTION_MARKS, "");
    let all = "";
    for (const { lines } of screens) {
      const shown = plain(lines);
      // What is seen again is the end of what was seen: the longest beginning of the screen that all ends with.
      let seen = Math.min(shown.length, all.length);
      while (seen > 0 && !all.endsWith(shown.slice(0, seen))) seen--;
      all += shown.slice(seen);
    }
    return all;
  }
});
