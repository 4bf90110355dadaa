import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { copiedShare, kindOf, readCopySet, survives } from "./copy-set.ts";

const dir = mkdtempSync(join(tmpdir(), "souffleur-copy-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(dir, "set.tsv");
  writeFileSync(path, text);
  return path;
}

describe.each(["de", "fr"])("the shipped set for en-%s", (target) => {
  test("has references in which every value survives", async () => {
    const path = new URL(`fixtures/copy-en-${target}.tsv`, import.meta.url).pathname;
    const set = await readCopySet(path);
    const references = set.sentences.map(({ references: [first] }) => first!);
    expect(copiedShare(set, references, "en", target)).toEqual({
      share: 1,
      values: 183,
      kinds: { number: 1, name: 1, code: 1, address: 1 },
    });
    const none = copiedShare(
      set,
      references.map(() => ""),
      "en",
      target,
    );
    expect(none.share).toBe(0);
  });
});

test("a value survives whole, as it was or as the language writes the number", () => {
  expect(survives("1,234.5", "Es sind 1.234,5 Meter.", "en", "de")).toBe(true);
  expect(survives("1,234", "Ce sont 1 234 mètres.", "en", "fr")).toBe(true);
  expect(survives("42", "Seite 42.", "en", "de")).toBe(true);
  for (const text of ["Seite 421", "142", "4,2", "42,5", "1.42", "A42", "42nd", ""]) {
    expect([text, survives("42", text, "en", "de")]).toEqual([text, false]);
  }
  expect(survives("a.b", "axb", "en", "de")).toBe(false);
});

test("values have kinds", () => {
  expect(
    ["17:05", "2023/0447", "www.a.example", "x@y.example", "report.txt", "A4", "M-KT", "Nadja"].map(kindOf),
  ).toEqual(["number", "number", "address", "address", "address", "code", "code", "name"]);
});

test("a line that is not a sentence with its values is refused by its number", async () => {
  await expect(readCopySet(file("a 1\tb 1\t1\nno values\tkeine\n"))).rejects.toThrow("set.tsv:2: a line must be");
  await expect(readCopySet(file("a 1\tb 1\t2\n"))).rejects.toThrow('set.tsv:1: "2" is not in the source');
  await expect(readCopySet(file(""))).rejects.toThrow("is empty");
});
