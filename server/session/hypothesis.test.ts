import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Hypothesis } from "./hypothesis.ts";

/** What each of the hypotheses adds, and what `commit` does. */
function readingOf(hypotheses: (string | [string, number])[]): string[] {
  const hypothesis = new Hypothesis();
  const added = hypotheses.map((one) => (typeof one === "string" ? hypothesis.revise(one) : hypothesis.revise(...one)));
  return [...added.map(({ text }) => text), hypothesis.commit()];
}

describe("Hypothesis", () => {
  it("reads what two in a row agree on, and the last whole at commit", () => {
    expect(readingOf(["I want", "I want to", "I want two tickets", "I want two tickets please"])).toEqual([
      "",
      "I want",
      " ",
      "two tickets",
      " please",
    ]);
  });

  it("stops at the border of a word", () => {
    expect(readingOf(["the stat", "the station", "the station"])).toEqual(["", "the ", "station", ""]);
    expect(readingOf(["it is 3", "it is 3.5 now", "it is 3.5 now"])).toEqual(["", "it is 3", ".5 now", ""]);
    expect(readingOf(["今日は", "今日も", "今日も晴れ"])).toEqual(["", "今日", "も", "晴れ"]);
    expect(readingOf(["a 𝒳", "a 𝒴", "a 𝒴"])).toEqual(["", "a ", "𝒴", ""]);
  });

  it("takes what is stable at once, half a word as well", () => {
    expect(
      readingOf([
        ["the station is", 7],
        ["the station was", 11],
      ]),
    ).toEqual(["the sta", "tion ", "was"]);
    expect(readingOf([["  the \n station", 8], "the station"])).toEqual(["the ", "station", ""]);
  });

  it("says nothing of a hypothesis that is only shorter, and repeats nothing when it is back", () => {
    const hypothesis = new Hypothesis();
    for (const text of ["I want to go", "I want to go"]) hypothesis.revise(text);
    expect(hypothesis.revise("I want")).toEqual({ text: "", contradicts: false });
    expect(hypothesis.revise("I want to go now")).toEqual({ text: "", contradicts: false });
    expect(hypothesis.revise("I want to go now please")).toEqual({ text: " now", contradicts: false });
  });

  it.each([
    ["another word", "we want to go", "I want to go home", " home"],
    ["a word more", "want to go", "I want to go home", " home"],
    ["a word less", "oh I want to go", "I want to go home", " home"],
    ["a word taken for another", "I want to go", "I want two go home", " home"],
    ["other words at the end", "I want to go", "I want to leave home", " home"],
    ["other words alone", "good", "bad", ""],
  ])("keeps what was read where a later one has %s, and goes on after it", (_name, read, later, added) => {
    const hypothesis = new Hypothesis();
    for (const text of [read, read]) hypothesis.revise(text);
    expect(hypothesis.revise(later)).toEqual({ text: "", contradicts: true });
    expect(hypothesis.revise(later)).toEqual({ text: added, contradicts: false });
    expect(hypothesis.commit()).toBe("");
  });

  it("tells of a contradiction once, however often it comes back", () => {
    const hypothesis = new Hypothesis();
    const told = ["I want", "I want", "we want", "we want to", "I want to", "we want to go", "he wants to go"].map(
      (text) => hypothesis.revise(text).contradicts,
    );
    expect(told).toEqual([false, false, true, false, false, false, true]);
    hypothesis.commit();
    expect(["a b", "a b", "c b"].map((text) => hypothesis.revise(text).contradicts)).toEqual([false, false, true]);
  });

  it("does not let words grow together that only follow each other", () => {
    const hypothesis = new Hypothesis();
    for (const text of ["a b c d e f g h i j k l m n o p q r s", "a b c d e f g h i j k l m n o p q r s"]) {
      hypothesis.revise(text);
    }
    hypothesis.revise("");
    expect(hypothesis.revise("z")).toEqual({ text: "", contradicts: true });
    expect(hypothesis.commit()).toBe("");
  });

  it("starts anew after commit", () => {
    const hypothesis = new Hypothesis();
    for (const text of ["one two", "one two"]) hypothesis.revise(text);
    expect([hypothesis.commit(), hypothesis.open, hypothesis.waiting]).toEqual(["", false, false]);
    expect(hypothesis.revise("three")).toEqual({ text: "", contradicts: false });
    expect([hypothesis.open, hypothesis.waiting]).toEqual([true, true]);
    expect(hypothesis.commit()).toBe("three");
  });

  const words = fc.array(fc.constantFrom("a", "go", "going", "日本", "now.", "3.5", ",", "don't"), { maxLength: 12 });

  it("adds up to the text where hypotheses only grow", () => {
    fc.assert(
      fc.property(words, fc.array(fc.record({ length: fc.nat(60), stable: fc.nat(60) })), (parts, steps) => {
        const text = parts.join(" ");
        const lengths = steps.map(({ length }) => Math.min(length, text.length)).sort((a, b) => a - b);
        const hypothesis = new Hypothesis();
        let read = "";
        for (const [index, length] of lengths.entries()) {
          const stable = Math.min(steps[index].stable, length);
          const { text: added, contradicts } = hypothesis.revise(text.slice(0, length), stable);
          read += added;
          expect(contradicts).toBe(false);
          expect(text.startsWith(read)).toBe(true);
        }
        hypothesis.revise(text);
        expect(hypothesis.revise(text).contradicts).toBe(false);
      }),
    );
  });

  it("never takes anything back, and its commit is the end of the last hypothesis", () => {
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 8 }), (hypotheses) => {
        const hypothesis = new Hypothesis();
        let read = "";
        for (const parts of hypotheses) read += hypothesis.revise(parts.join(" ")).text;
        const rest = hypothesis.commit();
        const last = hypotheses.at(-1)!.join(" ");
        expect(last.endsWith(rest.trimStart())).toBe(true);
        if (last.startsWith(read)) expect(read + rest).toBe(last);
      }),
    );
  });
});
