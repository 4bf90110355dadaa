// What is written is valid by parsers that are not ours: webvtt-py, srt, and the W3C's own ttconv for IMSC.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { PACKAGE_ROOT } from "../../settings.ts";
import { CAPTION_FORMATS, writeCaptions } from "./caption-file.ts";
import type { Cue } from "./cue.ts";

const pythons = [process.env.SOUFFLEUR_PYTHON ?? ".venv/bin/python", "python3"];
const python = pythons.find(
  (one) => spawnSync(one, ["-c", "import webvtt, srt, ttconv"], { stdio: "ignore" }).status === 0,
);
const script = join(PACKAGE_ROOT, "scripts", "reference", "caption_parsers.py");
const directory = mkdtempSync(join(tmpdir(), "captions-"));

afterAll(() => rmSync(directory, { recursive: true }));

const CUES: Cue[] = [
  { start: 0, end: 1_500, lines: ["Good morning."] },
  { start: 1_584, end: 4_000, lines: ["Fish & chips, 1 < 2", 'and "more" > that'] },
  { start: 5_000, end: 6_000, lines: ["\u200fLinux הוא", "日本語 👩‍🚀"] },
  { start: 3_723_004, end: 3_725_000, lines: ["Späte Zeile."] },
];

describe.skipIf(python === undefined)("by webvtt-py, srt and ttconv", () => {
  it.each(CAPTION_FORMATS)("%s is read as it was meant", (format) => {
    const path = join(directory, `cues.${format}`);
    writeFileSync(path, writeCaptions(CUES, format, "de"));
    const { status, stdout, stderr } = spawnSync(python ?? "", [script, format, path], { encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual(CUES.map(({ start, end, lines }) => ({ start, end, text: lines.join("\n") })));
  });
});
