import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Wait } from "../../models/wait.ts";
import { Hypothesis } from "./hypothesis.ts";
import { CARRYING, checkStream, Stage, target } from "./session-stage.testing.ts";

describe("Session", () => {
  const text = fc
    .array(
      fc.constantFrom(
        "the",
        "word",
        "Mr",
        "in",
        "42",
        "1.5",
        "don't",
        ". ",
        "? ",
        ", ",
        " ",
        " ",
        "\n",
        "über",
        "日。",
      ),
      {
        maxLength: 80,
      },
    )
    .map((parts) => parts.join(""));

  it("gives the same segments and the same text however the text was cut and the engine took turns", () => {
    fc.assert(
      fc.property(
        text,
        fc.array(fc.record({ characters: fc.integer({ min: 1, max: 20 }), steps: fc.nat(3), choice: fc.nat(9) }), {
          minLength: 1,
          maxLength: 30,
        }),
        fc.constantFrom<Wait>(1, 3, "full"),
        fc.constantFrom(20, 160),
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom<number[]>([], [13], [13, 5]),
        fc.constantFrom(undefined, CARRYING),
        (text, cuts, wait, maxSourceTokens, maxRowTokens, prefix, carrying) => {
          const de = () => target("de", wait, maxSourceTokens, prefix, carrying);
          const targets = () => [de(), target("fr", 2, maxSourceTokens)];
          const whole = new Stage(targets());
          whole.say(text).tell({ type: "end" }).settle();
          const cut = new Stage(targets(), { limits: { maxOpenSegments: 1 + (maxRowTokens % 3) } });
          cut.maxRowTokens = maxRowTokens;
          for (let start = 0, turn = 0; start < text.length; turn++) {
            const { characters, steps, choice } = cuts[turn % cuts.length];
            cut.say(text.slice(start, start + characters));
            for (let step = 0; step < steps; step++) cut.step(choice);
            start += characters;
          }
          cut.tell({ type: "end" }).settle();
          const told = (stage: Stage, language: string) =>
            stage.finals(language).map(({ segment, source, text }) => ({ segment, source, text }));
          for (const language of ["de", "fr"]) expect(told(cut, language)).toEqual(told(whole, language));
          checkStream(cut);
          checkStream(whole);
          expect(cut.messages.at(-1)).toMatchObject({ type: "done", segments: told(whole, "de").length });
        },
      ),
      { numRuns: 200 },
    );
  });

  const hypotheses = fc.array(
    fc.record({
      words: fc.array(fc.constantFrom("the", "word", "words", "in", "42", "end.", "日。", ","), { maxLength: 6 }),
      stable: fc.nat(12),
      commit: fc.boolean(),
      steps: fc.nat(3),
    }),
    { maxLength: 20 },
  );

  it("gives for hypotheses what it gives for the text that was read of them", () => {
    fc.assert(
      fc.property(hypotheses, fc.constantFrom<Wait>(1, 3, "full"), (steps, wait) => {
        const targets = () => [target("de", wait), target("fr", 2)];
        const revised = new Stage(targets());
        const told = new Stage(targets());
        const hypothesis = new Hypothesis();
        let contradictions = 0;
        for (const { words, stable, commit, steps: turns } of steps) {
          const text = words.join(" ");
          const event = { text, stable: Math.min(stable, text.length) };
          revised.tell({ type: "revise", ...event });
          const read = hypothesis.revise(event.text, event.stable);
          contradictions += Number(read.contradicts);
          told.say(read.text);
          for (let turn = 0; turn < turns; turn++) revised.step(turn);
          if (!commit) continue;
          revised.tell({ type: "commit" });
          told.say(hypothesis.commit()).tell({ type: "commit" });
        }
        revised.tell({ type: "end" }).settle();
        told.say(hypothesis.commit()).tell({ type: "end" }).settle();
        for (const language of ["de", "fr"]) {
          const texts = (stage: Stage) => stage.finals(language).map(({ source, text }) => ({ source, text }));
          expect(texts(revised)).toEqual(texts(told));
        }
        checkStream(revised);
        expect(revised.messages.filter(({ type }) => type === "notice")).toHaveLength(contradictions);
        expect(revised.messages.filter(({ type }) => type === "error")).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
