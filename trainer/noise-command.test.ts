import { expect, test } from "vitest";
import { TEST_NOISE } from "./corpus/noise/noise-settings.ts";
import { parseRates } from "./noise-command.ts";

test("rates replace the defaults of their kinds", () => {
  expect(parseRates("lowerCase=1, typos=0")).toEqual({ ...TEST_NOISE, lowerCase: 1, typos: 0 });
});

test("what is no kind or no rate is refused by name", () => {
  expect(() => parseRates("shouting=1")).toThrow('"shouting" is no kind of noise; there are lowerCase, ');
  expect(() => parseRates("runTogether=1")).toThrow('"runTogether" is no kind of noise');
  for (const list of ["typos=2", "typos=often", "typos", "typos="])
    expect(() => parseRates(list)).toThrow("typos must be");
});
