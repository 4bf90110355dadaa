// A server that serves for a long time: streams come, speak, end or vanish, and its memory must not grow.
// `npm run soak` does it for an hour, `npm run soak:short` for five minutes; without either it is a rough look.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { serverMessageSchema } from "../server/protocol/server-messages.ts";
import { DEFAULT_BUNDLE, PACKAGE_ROOT } from "../server/settings.ts";
import { SENTENCES } from "./fixtures/sentences.ts";
import { readProcessUsage } from "./process-usage.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

const SECONDS = Number(process.env.SOUFFLEUR_SOAK_SECONDS ?? 20);
const STREAMS = 20;
/** The first part warms up: caches fill, and memory that V8 and the allocator keep is taken once. */
const WARMUP_SHARE = 0.4;
const MEGABYTE = 1024 * 1024;
/** In seconds nothing but a gross leak can be told from noise. */
const GROWTH_MAX_BYTES = SECONDS >= 300 ? 20 * MEGABYTE : 80 * MEGABYTE;

const canRun =
  existsSync("/proc/self/status") &&
  existsSync(join(DEFAULT_BUNDLE, "bundle.json")) &&
  existsSync(join(PACKAGE_ROOT, "dist", "cli", "main.js"));

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One stream from start to end; every third vanishes in the middle of a sentence. Returns the sources of its finals. */
async function speak(url: string, sentences: readonly string[], vanish: boolean): Promise<string> {
  const socket = new WebSocket(`${url}/v1/stream?source=en&target=de`, "souffleur.v1");
  const sources: string[] = [];
  const errors: string[] = [];
  socket.on("message", (data) => {
    const message = serverMessageSchema.parse(JSON.parse(String(data)));
    if (message.type === "final") sources.push(message.source);
    if (message.type === "error") errors.push(message.code);
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  for (const word of sentences.join(" ").split(/(?<= )/)) {
    socket.send(JSON.stringify({ type: "text", text: word }));
    await pause(100);
  }
  if (vanish) socket.terminate();
  else socket.send(JSON.stringify({ type: "end" }));
  await closed;
  expect(errors).toEqual([]);
  return sources.join(" ");
}

describe.skipIf(!canRun)("a server that serves on and on", () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startServer(["--workers", "1", "--overload-latency", "0"]);
  }, 60_000);
  afterAll(() => server?.stop());

  it(
    `holds its memory over ${SECONDS} seconds, and loses nothing`,
    async () => {
      const sentences = SENTENCES.en;
      const began = performance.now();
      const until = began + SECONDS * 1000;
      let spoken = 0;
      const speaker = async (number: number) => {
        for (let turn = number; performance.now() < until; turn++) {
          const said = [0, 1].map((step) => sentences[(turn * 7 + step) % sentences.length]);
          const vanish = turn % 3 === 0;
          const heard = await speak(server.url, said, vanish);
          if (!vanish) expect(heard).toBe(said.join(" "));
          spoken++;
        }
      };
      const memory: number[] = [];
      const watch = async () => {
        await pause(SECONDS * 1000 * WARMUP_SHARE);
        while (performance.now() < until) {
          memory.push((await readProcessUsage(server.pid))?.rssBytes ?? Number.NaN);
          await pause(500);
        }
      };
      await Promise.all([watch(), ...Array.from({ length: STREAMS }, (_, number) => speaker(number))]);
      const mean = (part: readonly number[]) => part.reduce((sum, bytes) => sum + bytes, 0) / part.length;
      const quarter = Math.max(1, Math.floor(memory.length / 4));
      const growth = mean(memory.slice(-quarter)) - mean(memory.slice(0, quarter));
      const shown = `${(growth / MEGABYTE).toFixed(1)} MB of ${(mean(memory) / MEGABYTE).toFixed(0)} MB`;
      process.stdout.write(`soak: ${SECONDS} s, ${spoken} streams, memory grew by ${shown} after the warm-up\n`);
      expect(spoken).toBeGreaterThanOrEqual(STREAMS);
      expect(growth).toBeLessThanOrEqual(GROWTH_MAX_BYTES);
    },
    (SECONDS + 120) * 1000,
  );
});
