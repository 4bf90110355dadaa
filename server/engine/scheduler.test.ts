import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowLimit, Scheduler } from "./scheduler.ts";

const ready = (session: number, segment: number, model = "en-de") => ({ model, session, segment });
const taken = (scheduler: Scheduler, limit: number) => scheduler.take(limit).map(({ segment }) => segment);

describe("Scheduler", () => {
  it("serves sessions by turns, however much one of them has", () => {
    const scheduler = new Scheduler();
    for (let segment = 0; segment < 6; segment++) scheduler.mark(ready(1, segment));
    scheduler.mark(ready(2, 20));
    scheduler.mark(ready(3, 30));
    expect(taken(scheduler, 2)).toEqual([0, 20]);
    expect(taken(scheduler, 2)).toEqual([30, 1]);
    scheduler.mark(ready(2, 21));
    expect(taken(scheduler, 2)).toEqual([2, 21]);
  });

  it("fills a batch that has room with second segments, in order", () => {
    const scheduler = new Scheduler();
    for (const segment of [10, 11, 12]) scheduler.mark(ready(1, segment));
    scheduler.mark(ready(2, 20));
    expect(taken(scheduler, 8)).toEqual([10, 20, 11, 12]);
    expect(scheduler.size).toBe(0);
    expect(taken(scheduler, 8)).toEqual([]);
  });

  it("runs one model a batch, and models by turns", () => {
    const scheduler = new Scheduler();
    for (const segment of [1, 2, 3]) scheduler.mark(ready(segment, segment, "en-de"));
    scheduler.mark(ready(9, 9, "de-en"));
    expect(taken(scheduler, 2)).toEqual([1, 2]);
    scheduler.mark(ready(1, 1, "en-de"));
    expect(taken(scheduler, 2)).toEqual([9]);
    expect(taken(scheduler, 2)).toEqual([3, 1]);
  });

  it("marks once, and forgets what is removed", () => {
    const scheduler = new Scheduler();
    scheduler.mark(ready(1, 10));
    scheduler.mark(ready(1, 10));
    scheduler.mark(ready(1, 11));
    scheduler.mark(ready(2, 20));
    scheduler.remove(10);
    scheduler.remove(20);
    scheduler.remove(99);
    expect(scheduler.size).toBe(1);
    expect(taken(scheduler, 8)).toEqual([11]);
  });

  it("lets no session wait for more than one turn of the others, and loses none", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 6 }),
        (lengths, maxBatchSize) => {
          const scheduler = new Scheduler();
          for (const [session, length] of lengths.entries()) {
            for (let index = 0; index < length; index++) scheduler.mark(ready(session, session * 100 + index));
          }
          const served = lengths.map(() => 0);
          const order: number[] = [];
          while (scheduler.size > 0) {
            const batch = scheduler.take(maxBatchSize);
            expect(batch.length).toBeLessThanOrEqual(maxBatchSize);
            for (const { session, segment } of batch) {
              expect(segment).toBe(session * 100 + served[session]);
              served[session]++;
              order.push(session);
              const waiting = served.filter((count, other) => count < lengths[other]);
              expect(served[session] - Math.min(...waiting, served[session])).toBeLessThanOrEqual(1);
            }
          }
          expect(served).toEqual(lengths);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe("rowLimit", () => {
  it("gives a row alone all that it has, up to the most", () => {
    expect(rowLimit([20], 32)).toBe(20);
    expect(rowLimit([200], 32)).toBe(32);
  });

  it("lets rows of unlike length bring all that they have while the step is short", () => {
    expect(rowLimit([1, 1, 1, 1, 1, 1, 1, 30], 32)).toBe(30);
  });

  it("cuts the longest rows of a step that would be long", () => {
    expect(
      rowLimit(
        Array.from({ length: 32 }, () => 12),
        32,
      ),
    ).toBe(4);
    const short = Array.from({ length: 60 }, () => 1);
    expect(rowLimit([...short, 30, 30, 30], 32)).toBe(22);
  });

  it("gives each row one, however many there are", () => {
    expect(
      rowLimit(
        Array.from({ length: 1000 }, () => 2),
        32,
      ),
    ).toBe(1);
  });
});
