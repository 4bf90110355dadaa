import { expect, it } from "vitest";
import { numberIn } from "./number-format.ts";

it.each([
  ["en", "de", "1,234.5", "1.234,5"],
  ["en", "de", "2,500,000", "2.500.000"],
  ["en", "de", "3.75", "3,75"],
  ["en", "fr", "1,234.5", "1\u202f234,5"],
  ["de", "en", "1.234,5", "1,234.5"],
  ["de-AT", "en-GB", "12,5", "12.5"],
  ["de", "fr", "1.234", "1\u202f234"],
])("%s to %s: %s is %s", (source, target, text, rewritten) => {
  expect(numberIn(text, source, target)).toBe(rewritten);
});

it("leaves what is no such number, or already the same, as it is", () => {
  for (const text of ["1995", "1.2.3", "192.168.1.20", "10:30", "1,23,4", "A1.5", "12,34,567", "2024-05-21"]) {
    expect(numberIn(text, "en", "de")).toBe(text);
  }
  expect(numberIn("1.234,5", "en", "de")).toBe("1.234,5");
  expect(numberIn("1,234.5", "en", "en-GB")).toBe("1,234.5");
  expect(numberIn("1,234.5", "en", "xx")).toBe("1,234.5");
});
