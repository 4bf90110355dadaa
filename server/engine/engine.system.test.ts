// What serves is what was evaluated: worker threads, batches and increments give what whole sentences give alone.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as onnxruntime from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bundle, loadBundle } from "../../models/bundle.ts";
import { carryingOf } from "../../models/carrying.ts";
import { StepModel } from "../../models/step-model.ts";
import { translateBatch, translateText } from "../../models/translate.ts";
import type { Wait } from "../../models/wait.ts";
import { SessionRunner } from "../session/session-runner.ts";
import { sessionTarget } from "../session/session-target.ts";
import { translate } from "../session/translate.ts";
import type { StepStats } from "./engine.ts";
import { WorkerEngine } from "./worker-engine.ts";

const FOLDER = fileURLToPath(new URL("../../models/en-de", import.meta.url));

const SENTENCES = [
  "Good morning.",
  "The train to Hamburg leaves at nine o'clock.",
  "I have never seen such a beautiful garden.",
  "Could you open the window, please?",
  "She didn't know that her brother had already left the house.",
  "We need 25 chairs and 3 tables.",
  "It is raining!",
  "The children are playing in the street, and their parents are drinking coffee.",
  "What do you think about the new teacher?",
  "My neighbour's dog barks all night.",
  "If the weather stays like this, we will go to the lake on Sunday.",
  "He asked me whether I could lend him some money.",
  "No, thank you.",
  "The old bridge was closed because the river had risen by two metres.",
  "You can change the font size in the settings of the program.",
  "Nobody answered.",
  "Mr. Baker has been working in this office for twenty years.",
  "I would rather stay at home tonight.",
  "The book that you gave me is on the table.",
  "When does the museum open?",
  "They sold their car and bought two bicycles.",
  "Don't forget to lock the door when you leave.",
  "The soup is too hot, so wait a minute before you eat it.",
  "Her answer surprised everyone in the room.",
  "We met in Vienna in 2019.",
  "This key does not fit.",
  "The doctor told him to drink more water and to sleep at least eight hours.",
  "Is there a bakery near here?",
  "After the concert we walked slowly through the empty town.",
  "The file could not be saved because the disk is full.",
];
const WAITS: readonly Wait[] = [1, 3, 5, "full"];

describe.skipIf(!existsSync(FOLDER))("the engine with models/en-de", () => {
  let bundle: Bundle;
  let model: StepModel;
  let engine: WorkerEngine;
  const steps: StepStats[] = [];

  beforeAll(async () => {
    bundle = await loadBundle(FOLDER);
    model = await StepModel.create(onnxruntime, bundle.stepPath!, bundle.manifest, { intraOpNumThreads: 1 });
    engine = await WorkerEngine.start({
      bundles: [bundle],
      workers: 2,
      observer: { step: (stats) => steps.push(stats) },
    });
  });
  afterAll(async () => {
    await engine?.close();
    await model?.release();
  });

  /** One stream, its text in pieces of `length` characters. */
  function stream(text: string, wait: Wait, length: number): Promise<string> {
    return new Promise((resolve, reject) => {
      let written = "";
      const finals: string[] = [];
      const runner = new SessionRunner({
        settings: { source: "en", targets: [sessionTarget(bundle, { wait })] },
        engine,
        now: () => performance.now(),
        emit: (message) => {
          if (message.type === "error") reject(new Error(message.message));
          if (message.type === "delta") written += message.text;
          if (message.type !== "final") return;
          expect(message.text).toBe(written);
          finals.push(message.text);
          written = "";
        },
        close: () => resolve(finals.join(" ")),
      });
      let start = 0;
      const send = () => {
        runner.text(text.slice(start, start + length));
        start += length;
        if (start < text.length) setImmediate(send);
        else runner.end();
      };
      send();
    });
  }

  it("tells tentatively what it then writes when the speaker stops there, and writes what it would have written", async () => {
    const said = [
      "The train to Hamburg leaves at nine ",
      "We need 25 chairs and 3 tables and ",
      "She didn't know that her ",
    ];
    const nothing = (): Record<"deltas" | "tails" | "finals", string[]> => ({ deltas: [], tails: [], finals: [] });
    for (const wait of [3, "full"] as const) {
      for (const text of said) {
        const written = await Promise.all(
          [true, false].map(async (tentative) => {
            const told = nothing();
            let onChange = () => {};
            const runner = new SessionRunner({
              settings: { source: "en", targets: [sessionTarget(bundle, { wait })], tentative },
              engine,
              now: () => performance.now(),
              emit: (message) => {
                if (message.type === "delta") told.deltas.push(message.text);
                if (message.type === "tentative") told.tails.push(told.deltas.join("") + message.text);
                if (message.type === "final") told.finals.push(message.text);
                onChange();
              },
              close: () => onChange(),
            });
            for (const word of text.match(/\S+ /g) ?? []) {
              const before = told.tails.length;
              runner.text(word);
              // A tail that would be the same is not told again: so long at most.
              const deadline = performance.now() + 1_000;
              while (tentative && told.tails.length === before && performance.now() < deadline) {
                await new Promise((resolve) => setTimeout(resolve, 5));
              }
            }
            await new Promise<void>((resolve) => {
              onChange = () => {
                if (runner.closed) resolve();
              };
              runner.end();
            });
            return told;
          }),
        );
        const [tentatively, plainly] = written;
        expect(tentatively.deltas.join("")).toBe(plainly.deltas.join(""));
        expect(tentatively.finals).toEqual(plainly.finals);
        expect(plainly.tails).toEqual([]);
        expect(tentatively.tails.at(-1)).toBe(tentatively.finals[0]);
        expect(tentatively.tails.length).toBeGreaterThan(1);
      }
    }
  });

  for (const wait of WAITS) {
    it(`gives the same text alone, in batches and as it comes, at wait ${wait}`, async () => {
      const alone: string[] = [];
      // As evaluation does: a session carries over what the model has learnt to carry.
      const carrying = carryingOf(bundle.manifest);
      for (const sentence of SENTENCES)
        alone.push((await translateText(model, bundle.tokenizer, sentence, { wait, carrying })).text);
      expect(alone.some((text) => text !== "")).toBe(true);
      const whole = await translateBatch(model, bundle.tokenizer, SENTENCES, {
        wait,
        carrying,
        batchSize: SENTENCES.length,
      });
      expect(whole.map(({ text }) => text)).toEqual(alone);

      steps.length = 0;
      const streams = SENTENCES.map((sentence, index) => stream(sentence, wait, 1 + (index % 7)));
      expect(await Promise.all(streams)).toEqual(alone);
      expect(Math.max(...steps.map(({ batchSize }) => batchSize))).toBeGreaterThan(1);

      const { text, segments } = await translate(engine, bundle, SENTENCES.join(" "), { wait });
      expect(segments.map(({ source }) => source)).toEqual(SENTENCES);
      expect(segments.map((segment) => segment.text)).toEqual(alone);
      expect(text).toBe(alone.filter((one) => one !== "").join(" "));
      expect(engine.gauges()).toMatchObject({ openSegments: 0, stateBytes: 0, workersUp: 2 });
    });
  }
});
