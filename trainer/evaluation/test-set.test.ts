// Reading test sets: what is taken, and what is refused by line.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HeldOutFileError } from "../corpus/held-out-file.ts";
import { readTestSet } from "./test-set.ts";

let dir: string;
const at = (name: string) => join(dir, name);
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "souffleur-test-set-"));
});
afterAll(() => rm(dir, { recursive: true }));

describe("readTestSet", () => {
  const content = "\ufeffGood  day.\tGuten Tag.\r\nI see.\tIch verstehe.\tAch so.\n";
  const sentences = [
    { source: "Good  day.", references: ["Guten Tag."] },
    { source: "I see.", references: ["Ich verstehe.", "Ach so."] },
  ];

  it("reads sources with one or more references, as they stand", async () => {
    await writeFile(at("small.tsv"), content);
    expect(await readTestSet(at("small.tsv"))).toEqual({ name: "small", sentences });
    expect((await readTestSet(at("small.tsv"), { limit: 1 })).sentences).toEqual(sentences.slice(0, 1));
  });

  it("unpacks .gz", async () => {
    await writeFile(at("packed.tsv.gz"), gzipSync(content));
    expect(await readTestSet(at("packed.tsv.gz"))).toEqual({ name: "packed", sentences });
  });

  it.each([
    ["", ": no sentences"],
    ["a\tb\nc\n", ":2: no reference after a tab"],
    ["a\tb\n\tc\n", ":2: no source"],
    ["a\tb\n\nc\td\n", ":2: no source"],
    ["a\tb\t \n", ":1: empty reference"],
    ["\u0085\tb\n", ":1: no source"],
  ])("refuses %j", async (wrong, message) => {
    await writeFile(at("x.tsv"), wrong);
    await expect(readTestSet(at("x.tsv"), { limit: 1 })).rejects.toThrow(
      new HeldOutFileError(`${at("x.tsv")}${message}`),
    );
  });

  it("refuses what is not UTF-8, and names the file that it cannot read", async () => {
    await writeFile(at("latin.tsv"), Buffer.from([0x61, 0x09, 0xe4, 0x0a]));
    await expect(readTestSet(at("latin.tsv"))).rejects.toThrow(/cannot read .*latin\.tsv/);
    await expect(readTestSet("/nowhere/at/all.tsv")).rejects.toThrow("cannot read /nowhere/at/all.tsv: ENOENT");
  });
});
