// What a run writes for TensorBoard, read by TensorBoard itself where Python has it.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RunLog } from "./run-log.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-events-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const READ = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
accumulator = EventAccumulator(sys.argv[1])
accumulator.Reload()
print(json.dumps({tag: [[e.step, round(e.value, 4)] for e in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}))
`;
const pythons = [process.env.SOUFFLEUR_PYTHON ?? ".venv/bin/python", "python3"];
const python = pythons.find((one) => spawnSync(one, ["-c", "import tensorboard"], { stdio: "ignore" }).status === 0);

test.skipIf(python === undefined)("is read by TensorBoard, steps that a resumed run makes again only once", () => {
  const path = join(dir, "log.jsonl");
  const first = new RunLog(path, 0);
  for (const step of [20, 40, 60]) first.write({ step, loss: step / 10 });
  const resumed = new RunLog(path, 40);
  resumed.write({ step: 60, loss: 1 });
  resumed.write({ step: 60, validation: { bleu: 12.5 } });
  const read: unknown = JSON.parse(execFileSync(python!, ["-c", READ, dir], { encoding: "utf8" }));
  expect(read).toEqual({
    "train/loss": [
      [20, 2],
      [40, 4],
      [60, 1],
    ],
    "validation/bleu": [[60, 12.5]],
  });
});
