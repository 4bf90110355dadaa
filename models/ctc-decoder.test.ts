import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CtcDecoder } from "./ctc-decoder.ts";
import { StandInModel } from "./stand-in-model.ts";
import { EOS_ID, PLACEHOLDER_IDS } from "./vocabulary.ts";
import type { Wait } from "./wait.ts";

const model = new StandInModel({ vocabularySize: 100, slotsPerToken: 2 });
const options = (wait: Wait, maxSourceTokens = 160) => ({ wait, slotsPerToken: 2, maxSourceTokens });

/** Decodes the parts as they come; the ids that each part added, the last entry's at the end. */
async function decode(wait: Wait, parts: readonly (readonly number[])[], maxTokens?: number): Promise<number[][]> {
  const decoder = new CtcDecoder(options(wait));
  const state = model.newState();
  const added: number[][] = [];
  const run = async () => {
    const ids: number[] = [];
    for (let request = decoder.next(maxTokens); request !== undefined; request = decoder.next(maxTokens)) {
      expect(decoder.next()).toBeUndefined();
      if (maxTokens !== undefined) {
        expect(Math.max(request.tokens.length, request.chunks.length)).toBeLessThanOrEqual(maxTokens);
      }
      const [result] = await model.run([{ ...request, state }]);
      ids.push(...decoder.accept(result));
    }
    added.push(ids);
  };
  for (const part of parts) {
    decoder.read(part);
    await run();
  }
  decoder.end();
  await run();
  expect(decoder.done).toBe(true);
  expect(decoder.tokensRead).toBe(parts.flat().length);
  expect(state.sourceLength).toBe(parts.flat().length + 1);
  expect(state.chunkLength).toBe(state.sourceLength);
  return added;
}

describe("CtcDecoder", () => {
  it("tells the tail: what the end would write now, and writes the same as if it had not been asked", async () => {
    const wait = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constant<"full">("full"));
    const ids = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 16, max: 99 }) },
      fc.constantFrom(...PLACEHOLDER_IDS),
    );
    const parts = fc.array(fc.array(ids, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(wait, parts, async (wait, parts) => {
        const decoder = new CtcDecoder(options(wait));
        const state = model.newState();
        const written: number[] = [];
        for (const [index, part] of parts.entries()) {
          decoder.read(part);
          if (decoder.due > 0) expect(decoder.tail(200)).toBeUndefined();
          for (let request = decoder.next(); request !== undefined; request = decoder.next()) {
            const [result] = await model.run([{ ...request, state }]);
            written.push(...decoder.accept(result));
          }
          const tail = decoder.tail(200);
          if (tail === undefined) throw new Error("there is a tail when nothing is due");
          const size = Math.max(tail.request.tokens.length, tail.request.chunks.length);
          expect(decoder.tail(size - 1)).toBeUndefined();
          const [result] = await model.run([{ ...tail.request, state: state.fork() }]);
          const told = tail.idsOf(result);
          const ended = await decode(wait, [parts.slice(0, index + 1).flat()]);
          expect([...written, ...told]).toEqual(ended.flat());
        }
        decoder.end();
        expect(decoder.tail(200)).toBeUndefined();
        const [result] = await model.run([{ ...decoder.next()!, state }]);
        written.push(...decoder.accept(result));
        expect(written).toEqual((await decode(wait, parts)).flat());
      }),
      { numRuns: 80 },
    );
  });

  it("gives the same ids one by one, in parts, in limited steps and whole", async () => {
    const wait = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant<"full">("full"));
    const parts = fc.array(fc.array(fc.integer({ min: 16, max: 99 }), { maxLength: 5 }), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(wait, parts, fc.integer({ min: 1, max: 6 }), async (wait, parts, maxTokens) => {
        const tokens = parts.flat();
        const whole = (await decode(wait, [tokens])).flat();
        const single = await decode(
          wait,
          tokens.map((token) => [token]),
        );
        expect(single.flat()).toEqual(whole);
        expect((await decode(wait, parts)).flat()).toEqual(whole);
        expect((await decode(wait, parts, maxTokens)).flat()).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });

  it("differs between waits, as the stand-in sees more", async () => {
    const tokens = Array.from({ length: 20 }, (_, index) => 20 + index);
    const [one, three, full] = await Promise.all([decode(1, [tokens]), decode(3, [tokens]), decode("full", [tokens])]);
    expect(one.flat()).not.toEqual(three.flat());
    expect(three.flat()).not.toEqual(full.flat());
  });

  it("asks for steps by the policy: wait tokens, then a chunk a token, the rest with EOS", () => {
    const decoder = new CtcDecoder(options(3));
    const result = (chunks: number) => ({ slotIds: Array(2 * chunks).fill(4), slotScores: Array(2 * chunks).fill(0) });
    decoder.read([21]);
    decoder.read([22]);
    expect(decoder.next()).toBeUndefined();
    decoder.read([23]);
    expect(decoder.next()).toEqual({ tokens: [21, 22, 23], chunks: [21], wait: 3 });
    decoder.read([24, 25]);
    expect(decoder.next()).toBeUndefined();
    decoder.accept(result(1));
    expect(decoder.tokensRead).toBe(3);
    expect(decoder.next()).toEqual({ tokens: [24, 25], chunks: [22, 23], wait: 3 });
    decoder.accept(result(2));
    decoder.end();
    expect(decoder.next()).toEqual({ tokens: [EOS_ID], chunks: [24, 25, EOS_ID], wait: 3 });
    expect(decoder.done).toBe(false);
    decoder.accept(result(3));
    expect(decoder.done).toBe(true);
    expect(decoder.next()).toBeUndefined();
  });

  it("reads in limited steps before any chunk when it waits for all", () => {
    const decoder = new CtcDecoder(options("full"));
    decoder.read([21, 22, 23]);
    decoder.end();
    expect(decoder.next(3)).toMatchObject({ tokens: [21, 22, 23], chunks: [] });
    expect(decoder.accept({ slotIds: [], slotScores: [] })).toEqual([]);
    expect(decoder.next(3)).toMatchObject({ tokens: [EOS_ID], chunks: [21, 22, 23] });
  });

  it("runs an empty segment's EOS", async () => {
    const decoder = new CtcDecoder(options(3));
    decoder.end();
    expect(decoder.next()).toMatchObject({ tokens: [EOS_ID], chunks: [EOS_ID] });
  });

  it("keeps a position for EOS at the limit", () => {
    const decoder = new CtcDecoder(options(1, 4));
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

  it("refuses a result that is not its step's", () => {
    const decoder = new CtcDecoder(options(1));
    expect(() => decoder.accept({ slotIds: [], slotScores: [] })).toThrow(/no step is under way/);
    decoder.read([21]);
    decoder.next();
    expect(() => decoder.accept({ slotIds: [4], slotScores: [0] })).toThrow("1 slots, 2 were asked for");
  });

  it("tells chunks apart", () => {
    const decoder = new CtcDecoder(options(1));
    decoder.read([21, 22]);
    decoder.next();
    expect(decoder.acceptParts({ slotIds: [30, 4, 30, 31], slotScores: [0, 0, 0, 0] })).toEqual([
      { ids: [30], needs: 1 },
      { ids: [30, 31], needs: 2 },
    ]);
  });

  it("says how much a step could take, what is under way left out", () => {
    const decoder = new CtcDecoder(options(3));
    decoder.read([21, 22]);
    expect(decoder.due).toBe(0);
    decoder.read([23]);
    expect(decoder.due).toBe(3);
    decoder.next();
    expect(decoder.due).toBe(0);
    decoder.end();
    expect(decoder.due).toBe(3);
  });

  it("writes a placeholder as often as the tokens before it have it, whatever comes later", () => {
    const [one, other] = PLACEHOLDER_IDS;
    const A = 20;
    const written = (tokens: readonly number[], parts: readonly number[], slots: readonly number[]) => {
      const decoder = new CtcDecoder({ ...options(2), slotsPerToken: 1 });
      const ids: number[] = [];
      let taken = 0;
      const run = () => {
        for (let request = decoder.next(); request !== undefined; request = decoder.next()) {
          const { length } = request.chunks;
          ids.push(
            ...decoder.accept({ slotIds: slots.slice(taken, taken + length), slotScores: Array(length).fill(0) }),
          );
          taken += length;
        }
      };
      for (const [index, end] of parts.entries()) {
        decoder.read(tokens.slice(parts[index - 1] ?? 0, end));
        run();
      }
      decoder.end();
      run();
      return ids;
    };
    // the third chunk sees four tokens, the second `one` among them; the second chunk does not see `other`
    const tokens = [one, A, A, one, other];
    const slots = [one, other, A, one, other, one];
    for (const parts of [[1, 2, 3, 4, 5], [5], [2, 5]]) {
      expect(written(tokens, parts, slots)).toEqual([one, A, one, other]);
    }
    expect(written([A, A], [2], [one, A, one])).toEqual([A]);
  });
});
