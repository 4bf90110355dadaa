import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StandInModel } from "../../models/stand-in-model.ts";
import { standInTokenizer } from "../../models/stand-in-tokenizer.ts";
import { translateText } from "../../models/translate.ts";
import type { Wait } from "../../models/wait.ts";
import type { EngineOutput, StepStats } from "./engine.ts";
import { InProcessEngine } from "./in-process-engine.ts";

const tokenizer = standInTokenizer();
const model = () => new StandInModel({ vocabularySize: tokenizer.vocabularySize });

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("InProcessEngine", () => {
  it("gives each segment the ids it would have alone, whatever shares its batches", async () => {
    const words = fc.array(fc.constantFrom("the", "word", "in", "order", "42", "chest"), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ words, wait: fc.constantFrom<Wait>(1, 3, 5, "full"), session: fc.nat(2) }), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 9 }),
        fc.infiniteStream(fc.nat(3)),
        async (texts, maxBatchSize, maxRowTokens, pauses) => {
          const engine = new InProcessEngine({
            models: [{ name: "en-de", runner: model() }],
            maxBatchSize,
            maxRowTokens,
          });
          const sessions = [0, 1, 2].map(() => engine.openSession("en-de"));
          const told = await Promise.all(
            texts.map(async ({ words, wait, session }) => {
              const outputs: EngineOutput[] = [];
              let finish = () => {};
              const finished = new Promise<void>((resolve) => {
                finish = resolve;
              });
              const segment = sessions[session].openSegment({
                wait,
                onOutput: (output) => {
                  outputs.push(output);
                  if (output.done) finish();
                },
                onFailure: ({ message }) => expect.fail(message),
              });
              const ids = tokenizer.encode(words.join(" "));
              for (let start = 0; start < ids.length; ) {
                const { value: pause } = pauses.next();
                segment.push(ids.slice(start, start + 1 + pause));
                start += 1 + pause;
                for (let count = 0; count < pause; count++) await turn();
              }
              segment.end();
              await finished;
              return tokenizer.decode(outputs.flatMap((output) => output.ids));
            }),
          );
          const alone = await Promise.all(
            texts.map(({ words, wait }) => translateText(model(), tokenizer, words.join(" "), { wait })),
          );
          expect(told).toEqual(alone.map(({ text }) => text));
          expect(engine.gauges()).toMatchObject({ openSegments: 0, stateBytes: 0, queueDepth: 0 });
          await engine.close();
        },
      ),
      { numRuns: 40 },
    );
  });

  it("tells its observer of each step", async () => {
    const steps: StepStats[] = [];
    const engine = new InProcessEngine({
      models: [{ name: "en-de", runner: model() }],
      observer: { step: (stats) => steps.push(stats) },
    });
    for (let session = 0; session < 3; session++) {
      const segment = engine.openSession("en-de").openSegment({ wait: 1, onOutput: () => {}, onFailure: () => {} });
      segment.push([20, 21]);
    }
    for (let count = 0; count < 5; count++) await turn();
    expect(steps).toMatchObject([{ model: "en-de", worker: 0, batchSize: 3, tokens: 6, chunks: 6 }]);
    expect(steps[0].queueMs).toHaveLength(3);
    for (const ms of [...steps[0].queueMs, steps[0].computeMs, steps[0].deliverMs])
      expect(ms).toBeGreaterThanOrEqual(0);
    expect(engine.gauges()).toMatchObject({ openSegments: 3, workersUp: 1 });
    expect(engine.gauges().stateBytes).toBeGreaterThan(0);
  });

  it("calls nothing back after a cancel or a close of the session", async () => {
    const engine = new InProcessEngine({ models: [{ name: "en-de", runner: model() }] });
    const session = engine.openSession("en-de");
    let calls = 0;
    const request = { wait: 1, onOutput: () => calls++, onFailure: () => calls++ };
    const first = session.openSegment(request);
    first.push([20]);
    first.cancel();
    session.openSegment(request).push([20]);
    session.close();
    for (let count = 0; count < 5; count++) await turn();
    expect(calls).toBe(0);
    expect(engine.gauges()).toMatchObject({ openSegments: 0, stateBytes: 0 });
  });

  it("refuses segments after it is closed, in a later turn", async () => {
    const engine = new InProcessEngine({ models: [{ name: "en-de", runner: model() }] });
    const session = engine.openSession("en-de");
    await engine.close();
    expect(engine.ready).toBe(false);
    const failures: string[] = [];
    session.openSegment({ wait: 1, onOutput: () => {}, onFailure: ({ code }) => failures.push(code) }).push([20]);
    expect(failures).toEqual([]);
    await turn();
    expect(failures).toEqual(["overloaded"]);
  });
});
