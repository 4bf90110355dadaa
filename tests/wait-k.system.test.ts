// The autoregressive baseline from its recipe to a stream: trained, evaluated, exported and served as a CTC student is.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { z } from "zod";
import { startServer } from "../bench/server-process.ts";
import { loadBundle } from "../models/bundle.ts";
import { serverMessageSchema } from "../server/protocol/server-messages.ts";
import { isBuilt, RECIPES, souffleurDone } from "../trainer/souffleur-process.testing.ts";

/** The pairs go to the student as they are: its teacher is there for the form. */
const recipe = (precision: string) => `
name: waiter
corpus:
  source: en
  target: de
  train: [{ path: tiny/train.tsv }]
  valid: [tiny/valid.tsv]
  test: [tiny/test.tsv]
  tokenizer: { size: 200, minimumCount: 1 }
teacher:
  architecture: &sizes { width: 64, heads: 2, feedForward: 128, encoderLayers: 2, decoderLayers: 1, maxPositions: 64 }
  training: { steps: 1, maximumTokens: 60, validationSentences: 1 }
distill: { corpora: [] }
student:
  type: wait-k
  architecture: *sizes
  waits: { maximum: 5, full: 0.3 }
  training:
    { steps: 200, batchTokens: 1024, maximumTokens: 60, peakRate: 4e-3, warmUpSteps: 30, validateEverySteps: 200,
      averageSnapshots: 1, dropout: 0.05, validationSentences: 30 }
evaluate: { waits: [1, 3, full], beam: 1 }
export: { precision: ${precision}, defaultWait: 3 }
`;

const reportSchema = z.object({
  rows: z.array(
    z.object({
      wait: z.union([z.number(), z.literal("full")]),
      ...{ bleu: z.number(), chrf: z.number(), averageLagging: z.number() },
    }),
  ),
});

/** Figures that were measured, whatever they are. */
const measured = z.number().positive();
const comparisonSchema = z.object({
  models: z.array(
    z.object({
      model: z.string(),
      type: z.literal("wait-k"),
      rounds: z.tuple([
        z.object({
          throughput: z.tuple([
            z.object({ batchSize: z.literal(2), sourceTokensPerSecond: measured, flushMs: measured, stepMs: measured }),
          ]),
          latency: z.object({ wordLatencyMs: z.object({ p50: measured }), finalMs: z.object({ p50: measured }) }),
        }),
      ]),
    }),
  ),
});

describe.skipIf(!isBuilt)("a wait-k student", () => {
  let dir = "";
  let bundle = "";
  const [known = "", german = ""] = readFileSync(join(RECIPES, "tiny", "train.tsv"), "utf8")
    .split("\n")[0]!
    .split("\t");

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "souffleur-wait-k-"));
    bundle = await train("int8");
  }, 240_000);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  /** @returns the student's bundle. */
  async function train(precision: string): Promise<string> {
    const file = join(dir, `${precision}.yaml`);
    writeFileSync(file, recipe(precision));
    const folders = ["--data", RECIPES, "--work", join(dir, "work"), "--out", join(dir, precision)];
    const { output } = await souffleurDone(["train", file, ...folders]);
    const student = join(dir, precision, "waiter");
    expect(output).toBe(`${student}\n${student}-teacher\n`);
    return student;
  }

  test("comes out of its recipe as a bundle that streams, with figures for each lag", async () => {
    const { manifest } = await loadBundle(bundle);
    expect(manifest).toMatchObject({
      ...{ kind: "student", architecture: { type: "autoregressive" }, precision: "int8" },
      lags: { trained: [1, 2, 3, 4, 5, "full"], default: 3 },
      limits: { maxSourceTokens: 60 },
    });
    expect(manifest.quality.map(({ wait }) => wait)).toEqual([1, 3, "full"]);
    const [one, three, full] = manifest.quality;
    expect(full!.bleu).toBeGreaterThan(20);
    expect(one!.averageLagging).toBeLessThan(three!.averageLagging!);
    expect(three!.averageLagging).toBeLessThan(full!.averageLagging!);
    expect(readFileSync(join(bundle, "MODEL_CARD.md"), "utf8")).toContain("lags in training: 1 to 5 tokens");
  });

  test("is measured by `evaluate` as its manifest says", async () => {
    const argv = ["evaluate", "--bundle", bundle, "--test", join(RECIPES, "tiny", "test.tsv"), "--wait", "1,3,full"];
    const { rows } = reportSchema.parse(JSON.parse((await souffleurDone([...argv, "--json"])).output));
    const { manifest } = await loadBundle(bundle);
    expect(rows).toEqual(
      manifest.quality.map(({ wait, bleu, chrf, averageLagging }) => ({ wait, bleu, chrf, averageLagging })),
    );
  });

  test("translates, and says to a stream what it says to a file, in deltas that come while it reads", async () => {
    const said = await souffleurDone(["translate", "--bundle", bundle, "--wait", "1"], `${known}\n`);
    const whole = await souffleurDone(["translate", "--bundle", bundle, "--wait", "full"], `${known}\n`);
    expect(whole.output).toBe(`${german}\n`);
    const server = await startServer(["--bundle", bundle]);
    try {
      const socket = new WebSocket(`${server.url}/v1/stream?source=en&target=de&wait=1`, "souffleur.v1");
      const words = known.split(/(?<= )/);
      const last = words.pop();
      const send = (message: unknown) => socket.send(JSON.stringify(message));
      let goneOn = false;
      const text = await new Promise<string>((resolve, reject) => {
        socket.on("error", reject);
        socket.on("open", () => {
          for (const word of words) send({ type: "text", text: word });
        });
        socket.on("message", (data) => {
          const message = serverMessageSchema.parse(JSON.parse(String(data)));
          // What is left to say is said only once something has been written of the rest.
          if (message.type === "delta" && !goneOn) {
            goneOn = true;
            send({ type: "text", text: last });
            send({ type: "end" });
          }
          if (message.type === "final") resolve(message.text);
          if (message.type === "error") reject(new Error(message.message));
        });
      });
      expect(`${text}\n`).toBe(said.output);
      socket.close();
    } finally {
      await server.stop();
    }
  });

  test("is exported in fp32 too, from the same weights, and compared with int8", async () => {
    const exact = await train("fp32");
    const { manifest } = await loadBundle(exact);
    expect(manifest.precision).toBe("fp32");
    const argv = ["translate", "--bundle", exact, "--wait", "full"];
    expect((await souffleurDone(argv, `${known}\n`)).output).toBe(`${german}\n`);

    const bundles = ["--bundle", bundle, "--bundle", exact, "--rounds", "1", "--json"];
    const measures = [
      "--measure",
      "throughput,latency",
      "--read",
      "word",
      "--batch",
      "2",
      "--throughput-seconds",
      "0.3",
    ];
    const speakers = ["--streams", "2", "--wpm", "600", "--seconds", "2", "--warmup", "0.5"];
    const compared = await souffleurDone(["bench", "compare", ...bundles, ...measures, ...speakers]);
    const { models } = comparisonSchema.parse(JSON.parse(compared.output));
    expect(
      models.map(({ model }) => model),
      "namesakes are told apart",
    ).toEqual([bundle, exact]);
  });
});
