import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StandInWaitKModel } from "./stand-in-wait-k-model.ts";
import { BOS_ID, EOS_ID } from "./vocabulary.ts";
import type { Wait } from "./wait.ts";
import { targetLimit, WaitKDecoder } from "./wait-k-decoder.ts";

const model = new StandInWaitKModel();

/** Decodes the parts as they come; each id with the positions it needed. */
async function decode(wait: Wait, parts: readonly (readonly number[])[], maxTokens?: number) {
  const decoder = model.newDecoder(wait);
  const state = model.newState();
  const written: { id: number; needs: number }[] = [];
  const run = async () => {
    for (let request = decoder.next(maxTokens); request !== undefined; request = decoder.next(maxTokens)) {
      expect(decoder.next()).toBeUndefined();
      expect(request.tokens.length).toBeLessThanOrEqual(maxTokens ?? Number.POSITIVE_INFINITY);
      const [result] = await model.run([{ ...request, state }]);
      for (const { ids, needs } of decoder.acceptParts(result)) for (const id of ids) written.push({ id, needs });
    }
  };
  for (const part of parts) {
    decoder.read(part);
    await run();
    expect(decoder.due).toBe(0);
  }
  decoder.end();
  await run();
  expect(decoder.done).toBe(true);
  expect(decoder.tokensRead).toBe(parts.flat().length);
  expect(state.chunkLength).toBe(written.length);
  return written;
}

const result = (id: number) => ({ slotIds: [id], slotScores: [0] });

describe("WaitKDecoder", () => {
  it("gives the same ids one by one, in parts, in limited steps and whole", async () => {
    const wait = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant<"full">("full"));
    const parts = fc.array(fc.array(fc.integer({ min: 16, max: 99 }), { maxLength: 5 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(wait, parts, fc.integer({ min: 1, max: 6 }), async (wait, parts, maxTokens) => {
        const tokens = parts.flat();
        const whole = await decode(wait, [tokens]);
        const single = await decode(
          wait,
          tokens.map((token) => [token]),
        );
        expect(single).toEqual(whole);
        expect(await decode(wait, parts)).toEqual(whole);
        expect(await decode(wait, parts, maxTokens)).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });

  it("writes by the policy: wait tokens, then one for one, the rest one by one at the end", () => {
    const decoder = new WaitKDecoder({ wait: 2, maxSourceTokens: 20 });
    decoder.read([21]);
    expect([decoder.next(), decoder.due]).toEqual([undefined, 0]);
    decoder.read([22, 23]);
    expect(decoder.due).toBe(3);
    expect(decoder.next()).toEqual({ tokens: [21, 22, 23], chunks: [BOS_ID], wait: 2 });
    expect(decoder.acceptParts(result(31))).toEqual([{ ids: [31], needs: 2 }]);
    expect(decoder.next()).toEqual({ tokens: [], chunks: [31], wait: 2 });
    expect(decoder.acceptParts(result(32))).toEqual([{ ids: [32], needs: 3 }]);
    expect(decoder.next()).toBeUndefined();
    decoder.end();
    expect(decoder.next()).toEqual({ tokens: [EOS_ID], chunks: [32], wait: 2 });
    decoder.accept(result(33));
    expect([decoder.done, decoder.due]).toEqual([false, 1]);
    expect(decoder.next()).toEqual({ tokens: [], chunks: [33], wait: 2 });
    expect(decoder.acceptParts(result(EOS_ID))).toEqual([]);
    expect(decoder.done).toBe(true);
    expect(decoder.next()).toBeUndefined();
  });

  it("takes an end before the source's as a reason to read on", () => {
    const decoder = new WaitKDecoder({ wait: 1, maxSourceTokens: 20 });
    decoder.read([21]);
    decoder.next();
    decoder.accept(result(31));
    decoder.read([22]);
    expect(decoder.next()).toMatchObject({ chunks: [31], wait: 1 });
    expect(decoder.accept(result(EOS_ID))).toEqual([]);
    expect([decoder.done, decoder.due]).toEqual([false, 0]);
    decoder.read([23]);
    expect(decoder.next()).toEqual({ tokens: [23], chunks: [31], wait: 2 });
    expect(decoder.acceptParts(result(32))).toEqual([{ ids: [32], needs: 3 }]);
    decoder.end();
    decoder.next();
    decoder.accept(result(EOS_ID));
    expect(decoder.done).toBe(true);
  });

  it("reads in limited steps before the first token when it waits for all", () => {
    const decoder = new WaitKDecoder({ wait: "full", maxSourceTokens: 20 });
    decoder.read([21, 22, 23]);
    expect(decoder.next()).toBeUndefined();
    decoder.end();
    expect(decoder.next(3)).toMatchObject({ tokens: [21, 22, 23], chunks: [] });
    expect(decoder.accept({ slotIds: [], slotScores: [] })).toEqual([]);
    expect(decoder.next(3)).toMatchObject({ tokens: [EOS_ID], chunks: [BOS_ID] });
  });

  it("stops at the length limit", () => {
    const decoder = new WaitKDecoder({ wait: 1, maxSourceTokens: 20 });
    decoder.end();
    let written = 0;
    while (decoder.next()) written += decoder.accept(result(40)).length;
    expect([written, decoder.done]).toEqual([targetLimit(1), true]);
  });

  it("keeps a position for EOS at the limit", () => {
    const decoder = new WaitKDecoder({ wait: 1, maxSourceTokens: 4 });
    decoder.read([21, 22]);
    expect([decoder.room, decoder.full]).toEqual([1, false]);
    expect(() => decoder.read([23, 24])).toThrow("2 tokens do not fit: the segment has room for 1");
    decoder.read([23]);
    expect(decoder.full).toBe(true);
    decoder.end();
    decoder.end();
    expect(decoder.next()).toMatchObject({ tokens: [21, 22, 23, EOS_ID] });
    expect(() => decoder.read([24])).toThrow(/has ended/);
  });

  it("refuses a result that is not its step's, and a wait that is none", () => {
    const decoder = new WaitKDecoder({ wait: 1, maxSourceTokens: 20 });
    expect(() => decoder.accept(result(31))).toThrow(/no step is under way/);
    decoder.read([21]);
    decoder.next();
    expect(() => decoder.accept({ slotIds: [], slotScores: [] })).toThrow("0 target tokens, 1 were asked for");
    expect(() => new WaitKDecoder({ wait: 0, maxSourceTokens: 20 })).toThrow(RangeError);
  });
});
