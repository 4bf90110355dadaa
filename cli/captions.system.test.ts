// `souffleur captions` with the shipped bundle: files in and out, as a user runs it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readCaptions } from "../server/captions/files/caption-file.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";

const command = join(PACKAGE_ROOT, "dist", "cli", "main.js");
const isThere = existsSync(join(PACKAGE_ROOT, "models", "en-de", "bundle.json")) && existsSync(command);
const directory = mkdtempSync(join(tmpdir(), "souffleur-captions-"));
const path = (name: string) => join(directory, name);

const SOURCE = `\ufeff1\r
00:00:01,000 --> 00:00:03,000\r
<i>Today the sea is calm,</i>\r
so the boats can\r
\r
2\r
00:00:03,100 --> 00:00:05,000\r
leave the harbour. Stay here.\r
`;

function souffleur(...words: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, "captions", ...words], { encoding: "utf8" });
  return { status, stdout, stderr };
}

afterAll(() => rmSync(directory, { recursive: true }));

describe.skipIf(!isThere)("souffleur captions", () => {
  it("translates a file into another format, the cues' times kept", () => {
    writeFileSync(path("in.srt"), SOURCE);
    const done = souffleur(path("in.srt"), "--target", "de", "-o", path("out.vtt"));
    expect(done).toMatchObject({ status: 0, stdout: "" });
    // Where nobody watches, progress is a line now and then.
    expect(done.stderr).toMatch(/^en to de: \d\/2 cues/);
    const cues = readCaptions(readFileSync(path("out.vtt"), "utf8"), "vtt");
    expect(cues.map(({ start, end }) => [start, end])).toEqual([
      [1_000, 3_000],
      [3_100, 5_000],
    ]);
    expect(cues[0].lines.join(" ")).toMatch(/Meer/);
    const ttml = souffleur(path("in.srt"), "--format", "ttml");
    expect(readCaptions(ttml.stdout, "ttml").map(({ lines }) => lines)).toEqual(cues.map(({ lines }) => lines));
  });

  it("translates as live, and reports each caption", () => {
    writeFileSync(path("in.srt"), SOURCE);
    const { status, stdout, stderr } = souffleur(path("in.srt"), "--wait", "3", "--style", "bbc-live", "--json");
    expect([status, stderr]).toEqual([0, ""]);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      source: "en",
      target: "de",
      wait: 3,
      style: "bbc-live",
      summary: { sourceCues: 2 },
    });
    expect(report.summary.cues).toBe(report.cues.length);
    expect(report.cues[0].start).toBeGreaterThan(3_000);
    expect(report.summary.maxReadingSpeed).toBeLessThanOrEqual(17);
  });

  it("says what is wrong, and where", () => {
    writeFileSync(path("bad.srt"), SOURCE.replace("00:00:03,100", "soon"));
    expect(souffleur(path("bad.srt"))).toEqual({
      status: 2,
      stdout: "",
      stderr: `souffleur: ${path("bad.srt")}: line 7: soon is no time: expected one such as 00:00:01,000\n`,
    });
    expect(souffleur(path("in.srt"), "-o", path("out")).stderr).toContain("says no format");
    expect(souffleur(path("in.srt"), "--rows", "3").stderr).toContain("netflix has 2 rows");
    expect(souffleur(path("none.srt")).status).toBe(2);
  });
});
