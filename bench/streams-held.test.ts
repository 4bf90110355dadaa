// The search for the most streams: where it looks and what it finds.
import { expect, it } from "vitest";
import { streamsHeld } from "./streams-held.ts";

const search = { from: 100, factor: 2, within: 0.1, most: 10_000 };

/** What is found where so many pass, and what was tried. */
async function held(limit: number, options: Partial<typeof search> = {}) {
  const tried: number[] = [];
  const passes = (streams: number) => {
    tried.push(streams);
    return Promise.resolve(streams <= limit);
  };
  return { found: await streamsHeld(passes, { ...search, ...options }), tried };
}

it("doubles until one fails, then closes in to a tenth", async () => {
  expect(await held(610)).toEqual({ found: 600, tried: [100, 200, 400, 800, 600, 700, 650] });
});

it("goes down from a first try that fails", async () => {
  expect(await held(30)).toEqual({ found: 29, tried: [100, 50, 25, 38, 32, 29] });
});

it("finds none where none is held, and no more than the most", async () => {
  expect((await held(0)).found).toBe(0);
  expect((await held(0)).tried.at(-1)).toBe(1);
  expect(await held(1e9, { most: 300 })).toEqual({ found: 300, tried: [100, 200, 300] });
  expect(await held(1e9, { from: 500, most: 300 })).toEqual({ found: 300, tried: [300] });
});

it("takes small steps from a place that is known", async () => {
  expect(await held(410, { from: 400, factor: 1.25 })).toEqual({ found: 400, tried: [400, 500, 450, 425] });
});
