import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readGlossary } from "./glossary-file.ts";

const dir = mkdtempSync(join(tmpdir(), "souffleur-glossary-file-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(dir, "terms.tsv");
  writeFileSync(path, text);
  return path;
}

test("a glossary is a term and its translation on each line", () => {
  expect(readGlossary(file("heat pump\tWärmepumpe\r\n\ncap\tMütze\n"))).toEqual([
    { source: "heat pump", target: "Wärmepumpe" },
    { source: "cap", target: "Mütze" },
  ]);
  expect(readGlossary(file(""))).toEqual([]);
});

test.each([
  ["cap\n", "terms.tsv:1: a line must be a term and its translation, separated by a tab."],
  ["a\tb\n\nCap\tx\ncap\ty\n", "terms.tsv:4: the source is there twice"],
  ["a\t…\n", "terms.tsv:1: the target must begin with a letter or digit"],
])("%j is refused with its line", (text, message) => {
  expect(() => readGlossary(file(text))).toThrow(message);
});

test("a file that cannot be read is named", () => {
  expect(() => readGlossary(join(dir, "none.tsv"))).toThrow(/There is no file .*none\.tsv that can be read/);
});
