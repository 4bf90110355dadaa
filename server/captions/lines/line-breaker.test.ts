import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CAPTION_STYLE_NAMES, captionStyle } from "./caption-style.ts";
import { captionWords, textOf } from "./caption-word.ts";
import { displayColumns } from "./display-columns.ts";
import { breakCaptions, breakLines, captionColumns, fitsCaption } from "./line-breaker.ts";
import { anyText, withoutSpaces } from "./lines.testing.ts";

const netflix = captionStyle("netflix");

function lines(text: string, language = "en", style = netflix): string[] | undefined {
  return breakLines(captionWords(text, language, style.columns), style, language)?.map(textOf);
}

describe("breakLines", () => {
  it("keeps on one line what fits there", () => {
    expect(lines("The train is late today.")).toEqual(["The train is late today."]);
  });

  it("ends a line where a clause ends, before a conjunction or a preposition, never after an article", () => {
    expect(lines("When the harbour opens, the boats go out to sea.")).toEqual([
      "When the harbour opens,",
      "the boats go out to sea.",
    ]);
    expect(lines("We waited for an hour and the ferry did not come.")).toEqual([
      "We waited for an hour",
      "and the ferry did not come.",
    ]);
    expect(lines("Wir haben lange gewartet, weil die Fähre nicht kam.", "de")).toEqual([
      "Wir haben lange gewartet,",
      "weil die Fähre nicht kam.",
    ]);
    const broken = lines("Das Boot fährt heute mit einem neuen Motor über den See.", "de");
    expect(broken?.[0]).not.toMatch(/ (?:mit|einem|über|den)$/);
  });

  it("does not end a line after a title or between a number and what it counts", () => {
    expect(lines("The lighthouse was built by Dr. Miller in 1902.")?.[0]).not.toMatch(/Dr\.$/);
    expect(lines("The harbour has a wall that is 300 metres long.")?.[0]).not.toMatch(/300$/);
  });

  it("says that there are too many words", () => {
    expect(lines("word ".repeat(40))).toBeUndefined();
  });
});

describe("fitsCaption", () => {
  const styles = [...CAPTION_STYLE_NAMES.map((name) => captionStyle(name)), captionStyle("cta-608", 4)];
  it.each(styles)("says whether there are lines: $name of $rows rows", (style) => {
    fc.assert(
      fc.property(anyText, fc.constantFrom("en", "de", "ja"), (text, language) => {
        const words = captionWords(text, language, style.columns);
        for (let end = 1; end <= words.length; end++) {
          const some = words.slice(0, end);
          expect(fitsCaption(some, style, language)).toBe(breakLines(some, style, language) !== undefined);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("breakCaptions", () => {
  it("ends captions at sentences rather than at their limit", () => {
    const words = captionWords(
      "The harbour is closed today. Please come back tomorrow, when the sea is calm and the boats can leave again.",
      "en",
      netflix.columns,
    );
    expect(breakCaptions(words, netflix, "en").map((caption) => caption.map(textOf))).toEqual([
      ["The harbour is closed today."],
      ["Please come back tomorrow, when the sea", "is calm and the boats can leave again."],
    ]);
  });

  it.each(CAPTION_STYLE_NAMES)("loses nothing and breaks no limit: %s", (name) => {
    const style = captionStyle(name);
    fc.assert(
      fc.property(anyText, fc.constantFrom("en", "de", "ja", "he"), (text, language) => {
        const words = captionWords(text, language, style.columns);
        const captions = breakCaptions(words, style, language);
        expect(captions.flat(2)).toEqual(words);
        expect(withoutSpaces(captions.flat().map(textOf).join(""))).toBe(withoutSpaces(text));
        for (const caption of captions) {
          expect(caption.length).toBeLessThanOrEqual(style.rows);
          const columns = caption.map((line) => displayColumns(textOf(line)));
          expect(Math.max(...columns)).toBeLessThanOrEqual(style.columns);
          expect(caption.every((line) => line.length > 0)).toBe(true);
          expect(columns.reduce((sum, one) => sum + one)).toBeLessThanOrEqual(captionColumns(style));
        }
      }),
      { numRuns: 150 },
    );
  });
});
