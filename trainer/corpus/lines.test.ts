import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readLines } from "./lines.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "souffleur-lines-"));
});
afterAll(() => rm(dir, { recursive: true }));

async function collect(name: string): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(join(dir, name))) lines.push(line);
  return lines;
}

test("ends lines at LF and CRLF only, with or without one at the end", async () => {
  await writeFile(join(dir, "a.tsv"), "one\r\ntwo\u2028still two\n\nfour");
  expect(await collect("a.tsv")).toEqual(["one", "two\u2028still two", "", "four"]);
  await writeFile(join(dir, "b.tsv"), "\ufeffone\n");
  expect(await collect("b.tsv")).toEqual(["one"]);
});

test("unpacks .gz, and keeps characters whole across chunks", async () => {
  const lines = Array.from({ length: 40_000 }, (_, index) => `Übung ${index} – geübt`);
  await writeFile(join(dir, "c.tsv.gz"), gzipSync(lines.join("\n")));
  expect(await collect("c.tsv.gz")).toEqual(lines);
});

test("names the file that is missing, damaged or not UTF-8", async () => {
  await expect(collect("none.tsv")).rejects.toThrow(/cannot read .*none\.tsv/);
  await writeFile(join(dir, "d.tsv.gz"), gzipSync("some text").subarray(0, 20));
  await expect(collect("d.tsv.gz")).rejects.toThrow(/cannot read .*d\.tsv\.gz/);
  await writeFile(join(dir, "e.tsv"), Buffer.from([0x61, 0xff, 0x62]));
  await expect(collect("e.tsv")).rejects.toThrow(/cannot read .*e\.tsv/);
});
