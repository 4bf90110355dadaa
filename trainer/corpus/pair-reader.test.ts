import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { PairReader } from "./pair-reader.ts";

const dir = mkdtempSync(join(tmpdir(), "souffleur-pairs-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("reads ranges forward, again, and from the start", async () => {
  const path = join(dir, "talk.tsv");
  writeFileSync(path, Array.from({ length: 6 }, (_, line) => `source ${line}\ttarget ${line}\n`).join(""));
  const reader = new PairReader(path);
  const sources = async (start: number, end: number) => (await reader.read(start, end)).map(({ source }) => source);
  expect(await sources(1, 3)).toEqual(["source 1", "source 2"]);
  expect(await reader.read(1, 3)).toEqual([
    { source: "source 1", target: "target 1" },
    { source: "source 2", target: "target 2" },
  ]);
  expect(await sources(4, 6)).toEqual(["source 4", "source 5"]);
  expect(await sources(0, 1)).toEqual(["source 0"]);
  await expect(reader.read(5, 7)).rejects.toThrow(`${path} has 6 lines, 7 are expected`);
  await reader.close();
});
