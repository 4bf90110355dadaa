// Corpus chrF against values that sacreBLEU computed (scripts/reference/sacrebleu_reference.py).
import { describe, expect, it } from "vitest";
import { corpusChrf } from "./chrf.ts";
import fixture from "./fixtures/sacrebleu.json" with { type: "json" };

describe("corpusChrf", () => {
  const runs = fixture.cases.flatMap(({ name, hypotheses, references, chrf }) =>
    chrf.map((run) => ({ name, hypotheses, references, ...run })),
  );
  it.each(runs)("$name, lowercase $lowercase", ({ hypotheses, references, lowercase, expected }) => {
    const score = corpusChrf(hypotheses, references, { lowercase });
    expect(score.score).toBeCloseTo(expected.score, 10);
    expect(score.signature).toBe(expected.signature);
  });

  it("refuses a segment without a reference", () => {
    expect(() => corpusChrf(["a"], [[]])).toThrow("segment 1 has no reference");
  });
});
