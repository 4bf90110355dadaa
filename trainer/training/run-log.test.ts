import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { largestLogged } from "./run-log.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-run-log-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("the largest of a field's values over the lines, validations and broken lines passed over", () => {
  const path = join(dir, "log.jsonl");
  const lines = [
    '{"step":1,"peak":700}',
    '{"step":2,"peak":912}',
    '{"step":2,"validation":{"bleu":3}}',
    '{"step":3,"peak":800}',
  ];
  writeFileSync(path, `${lines.join("\n")}\n{"step":4,"pe`);
  expect(largestLogged(path, "peak")).toBe(912);
  expect(largestLogged(path, "other")).toBeUndefined();
  expect(largestLogged(join(dir, "none.jsonl"), "peak")).toBeUndefined();
});
