import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Random } from "../../random.ts";
import { Noise } from "./noise.ts";
import { type NoiseSettings, noiseSchema } from "./noise-settings.ts";
import { spokenNumber } from "./spoken-numbers.ts";
import { mistype } from "./typos.ts";

const NONE: NoiseSettings = {
  ...noiseSchema.parse({}),
  ...{ lowerCase: 0, noPunctuation: 0, wrongPunctuation: 0, typos: 0, repeats: 0, falseStarts: 0, fillers: 0 },
  ...{ spelledNumbers: 0, runTogether: 0 },
};

const noisy = (text: string, kinds: Partial<NoiseSettings>, language = "en", seed = 1) =>
  new Noise({ ...NONE, ...kinds }, language).apply(text, new Random(seed));

const TEXT = "Well, “the shop” (in Rome) isn't open on 25 May – is it, Mr. Smith-Jones?";

describe("noise on a text", () => {
  test("is nothing where every rate is 0, and the same for the same draws", () => {
    expect(noisy(TEXT, {})).toBe(TEXT);
    const kinds = noiseSchema.parse({ share: 1 });
    expect(noisy(TEXT, kinds, "en", 5)).toBe(noisy(TEXT, kinds, "en", 5));
    expect(noisy(TEXT, kinds, "en", 5)).not.toBe(noisy(TEXT, kinds, "en", 6));
  });

  test("takes case and punctuation away, but none that stands inside a word", () => {
    expect(noisy(TEXT, { lowerCase: 1 })).toBe(TEXT.toLowerCase());
    expect(noisy(TEXT, { noPunctuation: 1 })).toBe("Well the shop in Rome isn't open on 25 May is it Mr Smith-Jones");
    expect(noisy("It costs 3.50 at a.b/c: 5 % more.", { noPunctuation: 1 })).toBe("It costs 3.50 at a.b/c 5 % more");
    expect(noisy("… !", { noPunctuation: 1 })).toBe("… !");
  });

  test("puts wrong marks only where marks can stand, and keeps the words", () => {
    const words = (text: string) => text.match(/[\p{L}\p{N}]+/gu);
    for (let seed = 0; seed < 50; seed += 1) {
      const text = noisy(TEXT, { wrongPunctuation: 1 }, "en", seed);
      expect(words(text)).toEqual(words(TEXT));
    }
  });

  test("repeats, hesitates and begins again", () => {
    expect(noisy("we go home.", { repeats: 1 })).toBe("we we go go home.");
    expect(noisy("we go", { fillers: 1 }, "de").replaceAll(/[.,]/g, "")).toMatch(
      /^(äh|ähm|hm|also|na ja|weißt du) we (äh|ähm|hm|also|na ja|weißt du) go$/,
    );
    expect(noisy("we go", { fillers: 1 }, "sv")).toBe("we go");
    for (let seed = 0; seed < 30; seed += 1) {
      const text = noisy("somebody opened the window", { falseStarts: 1 }, "en", seed);
      expect(text).toMatch(
        /^(somebody|somebody opened|somebody opened the|(somebody )?\p{L}+-) somebody opened the window$/u,
      );
    }
  });

  test("says numbers in words", () => {
    expect(noisy("(25), please: 1,250 for $3.50.", { spelledNumbers: 1 })).toBe(
      "(twenty five), please: one thousand two hundred fifty for three dollars fifty.",
    );
    expect(noisy("Room 12b and 007", { spelledNumbers: 1 })).toBe("Room 12b and 007");
  });

  test("runs two sentences together without the boundary", () => {
    const noise = new Noise(NONE, "en");
    expect(noise.join("He left.", "Nobody saw it.")).toBe("He left nobody saw it.");
    expect(noise.join("He left?!", "I'm sad.")).toBe("He left I'm sad.");
  });

  test("leaves something of every text", () => {
    const kinds = noiseSchema.parse({ share: 1, typos: 0.5, noPunctuation: 0.8 });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), fc.integer(), (text, seed) => {
        const out = noisy(text, kinds, "en", seed);
        expect(out === "").toBe(text.trim() === "");
      }),
    );
  });
});

describe("a slip of the fingers", () => {
  test("changes one place of a word, and no word that is short or not of letters alone", () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const word = mistype("(window),", "en", new Random(seed));
      expect(word).toMatch(/^\(\p{L}{5,7}\),$/u);
    }
    for (const word of ["it", "A320", "isn't", "…", "3.5"]) expect(mistype(word, "en", new Random(1))).toBe(word);
  });

  test("knows the keyboard's rows by language", () => {
    const seen = (language: string) =>
      new Set(Array.from({ length: 400 }, (_, seed) => mistype("ttt", language, new Random(seed)).replaceAll("t", "")));
    expect(seen("en")).toContain("y");
    expect(seen("de")).toContain("z");
    expect(seen("de")).not.toContain("y");
  });
});

test.each([
  ["en", "0", "zero"],
  ["en", "21", "twenty one"],
  ["en", "305", "three hundred five"],
  ["en", "1,250,000", "one million two hundred fifty thousand"],
  ["en", "3.14", "three point one four"],
  ["en", "45%", "forty five percent"],
  ["en", "€20", "twenty euros"],
  ["de", "1", "eins"],
  ["de", "21", "einundzwanzig"],
  ["de", "101", "einhunderteins"],
  ["de", "1.995", "eintausendneunhundertfünfundneunzig"],
  ["de", "2.000.000", "zwei Millionen"],
  ["de", "3,5", "drei Komma fünf"],
  ["fr", "21", "vingt et un"],
  ["fr", "71", "soixante et onze"],
  ["fr", "80", "quatre-vingts"],
  ["fr", "99", "quatre-vingt-dix-neuf"],
  ["fr", "1984", "mille neuf cent quatre-vingt-quatre"],
])("%s: %s is %s", (language, text, words) => {
  expect(spokenNumber(text, language)).toBe(words);
});

test("English years are said in hundreds", () => {
  expect(spokenNumber("1995", "en", true)).toBe("nineteen ninety five");
  expect(spokenNumber("1905", "en-GB", true)).toBe("nineteen oh five");
  expect(spokenNumber("1900", "en", true)).toBe("nineteen hundred");
  expect(spokenNumber("2025", "en", true)).toBe("two thousand twenty five");
});

test("what is no plain number of the language stays as it is", () => {
  for (const text of ["10:30", "1.2.3", "v2", "007", "3,5", "1.234,5"])
    expect(spokenNumber(text, "en")).toBeUndefined();
  expect(spokenNumber("12", "sv")).toBeUndefined();
});
