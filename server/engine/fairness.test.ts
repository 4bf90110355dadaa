import { describe, expect, it } from "vitest";
import { StandInModel } from "../../models/stand-in-model.ts";
import type { EngineCommand, StepReport } from "./engine-command.ts";
import { StepLoop } from "./step-loop.ts";

const MODEL = "en-de";
const FLOODER = 1;
const HONEST = Array.from({ length: 12 }, (_, index) => 10 + index);

describe("a session that floods", () => {
  it("makes no other wait longer than one turn of all sessions", async () => {
    const maxBatchSize = 4;
    const reports: StepReport[] = [];
    /** Segments of the flooder by number; honest sessions have the segment of their own number. */
    const flood: EngineCommand[] = [];
    for (let segment = 100; segment < 200; segment++) {
      flood.push({ type: "open", segment, session: FLOODER, model: MODEL, wait: 1 });
      flood.push({ type: "push", segment, ids: Array.from({ length: 100 }, (_, index) => 20 + (index % 10)) });
    }
    const handedAt = new Map<number, number>();
    const waits: number[] = [];
    let rounds = 0;
    const loop: StepLoop = new StepLoop({
      runners: new Map([[MODEL, new StandInModel({ vocabularySize: 40 })]]),
      maxBatchSize,
      maxRowTokens: 8,
      // Between any two steps each honest session that waits for nothing says a word.
      gather: () => {
        if (++rounds > 200) return;
        const idle = HONEST.filter((session) => !handedAt.has(session));
        for (const session of idle) handedAt.set(session, reports.length);
        loop.handle(
          idle.map((segment) => ({ type: "push", segment, ids: [20] })),
          0,
        );
      },
      report: (report) => {
        reports.push(report);
        for (const { segment } of report.outputs) {
          const since = handedAt.get(segment);
          if (since === undefined) continue;
          waits.push(reports.length - since);
          handedAt.delete(segment);
        }
      },
    });
    const opens = HONEST.map(
      (session): EngineCommand => ({ type: "open", segment: session, session, model: MODEL, wait: 1 }),
    );
    loop.handle([...opens, ...flood], 0);
    while (rounds <= 200) await new Promise((resolve) => setImmediate(resolve));
    await loop.stop();
    // 13 sessions in batches of 4 come round in 4 steps, however much one of them has to say.
    expect(waits.length).toBeGreaterThan(400);
    expect(Math.max(...waits)).toBeLessThanOrEqual(Math.ceil((HONEST.length + 1) / maxBatchSize));
    const floods = reports.filter(({ outputs }) => outputs.some(({ segment }) => segment >= 100));
    expect(floods.length).toBeGreaterThan(reports.length / 8);
  });
});
