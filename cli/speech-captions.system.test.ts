// `souffleur captions --asr` as a user runs it, at speaking speed: doubles of both recognisers, the shipped model and a server.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readCaptions } from "../server/captions/files/caption-file.ts";
import { type RunningServer, startServer } from "../server/main.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { DeepgramDouble, VoskDouble } from "./recogniser-double.testing.ts";
import { wavOf } from "./wav.testing.ts";

const command = join(PACKAGE_ROOT, "dist", "cli", "main.js");
const isThere = existsSync(join(PACKAGE_ROOT, "models", "en-de", "bundle.json")) && existsSync(command);
const directory = mkdtempSync(join(tmpdir(), "souffleur-speech-"));
const path = (name: string) => join(directory, name);
/** What the doubles hear their sessions in. */
const SILENCE = Buffer.alloc(4.1 * 16_000 * 2);

/** @param interrupted when to press Ctrl-C; the input stays open then */
async function souffleur(words: readonly string[], input?: Uint8Array, interrupted?: Promise<void>) {
  const child = spawn(process.execPath, [command, "captions", ...words], { stdio: ["pipe", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  child.stdin.on("error", () => {});
  if (interrupted === undefined) child.stdin.end(input);
  else {
    child.stdin.write(input);
    void interrupted.then(() => child.kill("SIGINT"));
  }
  const status = await new Promise((resolve) => child.on("close", resolve));
  return { status, stdout, stderr };
}

describe.skipIf(!isThere)("souffleur captions --asr", () => {
  const doubles: (VoskDouble | DeepgramDouble)[] = [];
  let server: RunningServer;
  beforeAll(async () => {
    writeFileSync(path("talk.wav"), wavOf(SILENCE));
    server = await startServer({ port: 0, workers: 1, logLevel: "silent" });
  });
  afterEach(async () => {
    await Promise.all(doubles.splice(0).map((one) => one.close()));
  });
  afterAll(async () => {
    await server?.close();
    rmSync(directory, { recursive: true });
  });

  async function translated(utterances: string[]): Promise<string> {
    const body = JSON.stringify({ source: "en", target: "de", text: utterances, wait: 3 });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${server.url}v1/translate`, { method: "POST", headers, body });
    return ((await answer.json()) as { text: string[] }).text.join(" ");
  }

  it("translates what Vosk hears here, and what Deepgram hears with a server, timed from the audio's beginning", async () => {
    const vosk = await new VoskDouble().listen();
    const deepgram = await new DeepgramDouble().listen();
    doubles.push(vosk, deepgram);
    const [here, there] = await Promise.all([
      souffleur([
        ...[path("talk.wav"), "--asr", "vosk", "--url", vosk.url, "--target", "de", "--wait", "3"],
        ...["-o", path("talk.vtt")],
      ]),
      souffleur(
        [
          ...["-", "--asr", "deepgram", "--url", deepgram.url, "--asr-key", "right", "--sample-rate", "16000"],
          ...["--server", server.url, "--target", "de", "--wait", "3", "--style", "bbc-live", "--json"],
        ],
        SILENCE,
      ),
    ]);
    expect([here.status, here.stderr, there.status, there.stderr]).toEqual([0, "", 0, ""]);
    expect([vosk.audioBytes, deepgram.audioBytes]).toEqual([SILENCE.length, SILENCE.length]);
    expect([vosk.said.at(-1), deepgram.said.at(-1)]).toEqual(['{"eof" : 1}', '{"type":"CloseStream"}']);

    const cues = readCaptions(readFileSync(path("talk.vtt"), "utf8"), "vtt");
    const lines = cues.flatMap((cue) => cue.lines);
    const first = ["the harbour is closed today"];
    expect(lines.join(" ")).toContain(await translated(first));
    expect(here.stdout.trim().split("\n")).toEqual(lines);
    // The first utterance was final after 1.9 s of audio, and its words were heard from 0.5 s on.
    expect(cues[0].start).toBeGreaterThan(500);
    expect(cues[0].start).toBeLessThan(10_000);

    const report = JSON.parse(there.stdout);
    expect(report).toMatchObject({ source: "en", target: "de", wait: 3, style: "bbc-live", recogniser: "deepgram" });
    const shown = report.cues.flatMap((cue: { lines: string[] }) => cue.lines).join(" ");
    expect(shown).toBe(await translated(["The harbour is closed today.", "All ships wait outside", "for us"]));
    expect(report.summary.cues).toBe(report.cues.length);
  });

  it("keeps what was translated where the recogniser dies, and says so", async () => {
    const vosk = await new VoskDouble().listen();
    doubles.push(vosk);
    vosk.diesAt = 2.2;
    const { status, stderr } = await souffleur([
      ...[path("talk.wav"), "--asr", "vosk", "--url", vosk.url, "--target", "de", "-o", path("cut.srt")],
    ]);
    expect(stderr).toContain("vosk closed the connection (1006) before the audio's end");
    expect(status).toBe(1);
    expect(readCaptions(readFileSync(path("cut.srt"), "utf8"), "srt").length).toBeGreaterThan(0);
  });

  it("ends with Ctrl-C while audio may still come, and keeps what was heard", async () => {
    const vosk = await new VoskDouble().listen();
    doubles.push(vosk);
    const heard = expect.poll(() => vosk.audioBytes, { timeout: 60_000 }).toBeGreaterThan(2.1 * 32_000);
    const { status, stderr } = await souffleur(
      ["-", "--asr", "vosk", "--url", vosk.url, "--server", server.url, "--target", "de", "-o", path("talk.ttml")],
      SILENCE.subarray(0, 2.2 * 32_000),
      heard,
    );
    expect([status, stderr]).toEqual([130, ""]);
    expect(readCaptions(readFileSync(path("talk.ttml"), "utf8"), "ttml").length).toBeGreaterThan(0);
  });

  it("says what is wrong with a recogniser, an address, a flag", async () => {
    const deepgram = await new DeepgramDouble().listen();
    doubles.push(deepgram);
    const wav = path("talk.wav");
    writeFileSync(path("stereo.wav"), wavOf(SILENCE, { channels: 2 }));
    const to = ["--server", server.url, "--target", "de"];
    const cases: [string[], number, string][] = [
      [
        [wav, "--asr", "deepgram", "--url", deepgram.url, "--asr-key", "wrong", ...to],
        1,
        "closed the connection (1008)",
      ],
      [[wav, "--asr", "vosk", "--url", "ws://127.0.0.1:1", ...to], 1, "vosk at 127.0.0.1:1 cannot be reached"],
      [[wav, "--asr", "vosk", ...to], 2, "name the address of vosk with --url"],
      [[wav, "--asr", "vosk", "--url", "localhost", ...to], 2, "is not the address of a WebSocket"],
      [[path("stereo.wav"), "--asr", "vosk", "--url", "ws://127.0.0.1:1", ...to], 2, "has 2 channels of 16 bits"],
      [[wav, "--url", "ws://127.0.0.1:1"], 2, "--url does nothing without --asr"],
      [
        [wav, "--asr", "vosk", "--url", "ws://127.0.0.1:1", "--feed", "stage"],
        2,
        "--feed does nothing without --server",
      ],
      [[path("none.wav"), "--asr", "vosk", "--url", "ws://127.0.0.1:1", ...to], 2, "there is no such file"],
    ];
    const results = await Promise.all(cases.map(([words]) => souffleur(words)));
    for (const [index, { status, stderr }] of results.entries()) {
      expect(stderr).toContain(cases[index][2]);
      expect([cases[index][0].join(" "), status]).toEqual([cases[index][0].join(" "), cases[index][1]]);
    }
  });
});
