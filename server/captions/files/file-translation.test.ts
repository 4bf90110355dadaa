import { describe, expect, it } from "vitest";
import { captionStyle } from "../lines/caption-style.ts";
import { captionWords } from "../lines/caption-word.ts";
import type { Cue } from "./cue.ts";
import { placeOnCues } from "./cue-placement.ts";
import { CueShares, cueSteps, spokenWords } from "./cue-text.ts";
import { shoutingEngine, shoutingTarget } from "./file-translation.testing.ts";
import { translateCues } from "./file-translation.ts";

const cue = (start: number, end: number, ...lines: string[]): Cue => ({ start, end, lines });
const style = captionStyle("netflix");
const options = (wait: number | "full") => ({
  engine: shoutingEngine(),
  source: "en",
  target: shoutingTarget(wait),
  style,
});

describe("translateCues, offline", () => {
  it("joins sentences across cues and puts them back on the cues' times", async () => {
    const cues = [
      cue(1_000, 2_000, "The harbour", "is closed"),
      cue(2_100, 3_000, "today. Come"),
      cue(3_000, 5_000, "back tomorrow."),
    ];
    const done: number[] = [];
    const translated = await translateCues(cues, { ...options("full"), onProgress: (count) => done.push(count) });
    expect(translated).toEqual([
      { start: 1_000, end: 2_000, lines: ["THE HARBOUR IS CLOSED"], readingSpeed: 21, delay: 0 },
      { start: 2_100, end: 3_000, lines: ["TODAY. COME"], readingSpeed: 11 / 0.9, delay: 0 },
      { start: 3_000, end: 5_000, lines: ["BACK TOMORROW."], readingSpeed: 7, delay: 0 },
    ]);
    expect(done).toEqual([2, 3]);
  });

  it("does not join over a long silence, keeps cues without letters and where WebVTT put a cue", async () => {
    const cues = [
      { ...cue(0, 1_000, "one"), settings: "line:0" },
      cue(1_500, 2_000, "♪♪"),
      cue(4_000, 5_000, "two."),
      cue(6_000, 7_000),
    ];
    const translated = await translateCues(cues, options("full"));
    expect(translated.map(({ start, lines, settings }) => [start, lines, settings])).toEqual([
      [0, ["ONE"], "line:0"],
      [1_500, ["♪♪"], undefined],
      [4_000, ["TWO."], undefined],
    ]);
  });

  it("divides a cue's time where its text needs more lines than a caption has", async () => {
    const translated = await translateCues([cue(0, 10_000, "30xabc.")], options("full"));
    expect(translated.length).toBeGreaterThan(2);
    expect(translated[0].start).toBe(0);
    expect(translated.at(-1)?.end).toBe(10_000);
    for (const [index, { start, lines }] of translated.entries()) {
      expect(lines.length).toBeLessThanOrEqual(2);
      if (index > 0) expect(start).toBe(translated[index - 1].end);
    }
    expect(translated.flatMap(({ lines }) => lines).join(" ")).toBe(Array(30).fill("30XABC.").join(" "));
  });

  it("translates an empty file to an empty file", async () => {
    expect(await translateCues([], options("full"))).toEqual([]);
    expect(await translateCues([], options(2))).toEqual([]);
  });
});

describe("translateCues, as live", () => {
  it("shows each word when the word that allowed it was said, by the style's rules", async () => {
    const cues = [cue(0, 4_000, "aaa bbb ccc ddd."), cue(10_000, 11_000, "eee fff.")];
    const translated = await translateCues(cues, options(2));
    expect(translated.map(({ lines }) => lines)).toEqual([["AAA BBB CCC DDD."], ["EEE FFF."]]);
    // AAA is there with bbb, at 6/13 of the cue; the sentence ends with ddd at 4,000 and its caption is shown.
    expect(translated[0].start).toBe(4_000);
    expect(translated[0].delay).toBeCloseTo(4_000 - (4_000 * 6) / 13, 0);
    expect(translated[1].start).toBe(11_000);
    expect(translated.every(({ readingSpeed }) => readingSpeed <= style.columnsPerSecond)).toBe(true);
  });

  it("flushes what a silence ends", async () => {
    const translated = await translateCues([cue(0, 1_000, "one two"), cue(60_000, 61_000, "three.")], options(1));
    expect(translated.map(({ start, lines }) => [start, lines])).toEqual([
      [1_000, ["ONE TWO"]],
      [61_000, ["THREE."]],
    ]);
  });
});

describe("cueSteps and CueShares", () => {
  it("deal segments out over their cues, whatever their white space", () => {
    const steps = cueSteps([cue(0, 1, "ab  c"), cue(1, 2, "d.", "e"), cue(5_000, 6_000, "f")]);
    expect(steps).toEqual([
      { type: "text", text: "ab  c ", cue: 0 },
      { type: "text", text: "d. e ", cue: 1 },
      { type: "pause" },
      { type: "text", text: "f ", cue: 2 },
    ]);
    const shares = new CueShares(steps);
    expect(shares.take("ab c d.")).toEqual([
      { cue: 0, characters: 3 },
      { cue: 1, characters: 2 },
    ]);
    expect(shares.take("e")).toEqual([{ cue: 1, characters: 1 }]);
    expect(() => shares.take("fgh")).toThrow(RangeError);
  });

  it("give Japanese cues without a space between them", () => {
    expect(cueSteps([cue(0, 1, "今日は"), cue(1, 2, "駅で")]).map((step) => step.type === "text" && step.text)).toEqual(
      ["今日は", "駅で"],
    );
  });
});

describe("spokenWords", () => {
  it("are said one after the other, by their length", () => {
    expect(spokenWords(cue(1_000, 2_000, "a bbb", "c"), "en")).toEqual([
      { text: "a ", at: 1_200 },
      { text: "bbb ", at: 1_800 },
      { text: "c ", at: 2_000 },
    ]);
  });
});

describe("placeOnCues", () => {
  const words = (text: string) => captionWords(text, "en", 42);
  const placed = (text: string, ...characters: number[]) =>
    placeOnCues(
      words(text),
      characters.map((count, index) => ({ cue: index, characters: count })),
      "en",
    ).map((part) => part.map((word) => word.text).join(" "));

  it("cuts where the source was cut, or near it where a phrase ends", () => {
    expect(placed("one two three four", 10, 10)).toEqual(["one two", "three four"]);
    expect(placed("When it rains, we stay at home.", 9, 12)).toEqual(["When it rains,", "we stay at home."]);
  });

  it("gives every cue something while there are words", () => {
    expect(placed("a b c", 100, 1, 1)).toEqual(["a", "b", "c"]);
    expect(placed("a", 1, 5, 1).filter((part) => part !== "")).toEqual(["a"]);
    expect(placed("", 1, 2)).toEqual(["", ""]);
  });
});
