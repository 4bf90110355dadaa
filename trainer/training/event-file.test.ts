import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EventFile } from "./event-file.ts";
import fixture from "./fixtures/event-file-tensorboard.json" with { type: "json" };
import { RunLog } from "./run-log.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-events-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

test("has the bytes that TensorBoard's writer makes", () => {
  const file = new EventFile(dir, 40, () => 1_700_000_000.5);
  file.write(60, { "train/loss": 2.25, "train/rate": 1.5e-3 });
  file.write(60, { "validation/bleu": 31.5 });
  file.write(61, {});
  expect(readFileSync(file.path).toString("hex")).toBe(fixture.hex);
  expect(file.path).toContain(join(dir, "events.out.tfevents.1700000000."));
});

test("a log writes its numbers there too, and a resumed one opens another file", () => {
  const path = join(dir, "log.jsonl");
  new RunLog(path, 0).write({ step: 20, loss: 3, note: "text", nan: Number.NaN });
  new RunLog(path, 20).write({ step: 40, validation: { bleu: 5 } });
  const files = readdirSync(dir).filter((name) => name.startsWith("events.out.tfevents."));
  const texts = files.map((name) => readFileSync(join(dir, name)).toString("latin1")).join("");
  expect(files).toHaveLength(2);
  for (const tag of ["train/loss", "validation/bleu"]) expect(texts).toContain(tag);
  for (const tag of ["note", "nan", "train/step"]) expect(texts).not.toContain(tag);
});
