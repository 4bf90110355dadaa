import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { standInTokenizer } from "./stand-in-tokenizer.ts";
import { TargetStream } from "./target-stream.ts";

const tokenizer = standInTokenizer();

describe("TargetStream", () => {
  it("appends what decoding all ids at once gives", () => {
    // The first 40 ids have the special tokens and the bare space among them.
    const ids = fc.array(fc.oneof(fc.nat(39), fc.nat(tokenizer.vocabularySize - 1)), { maxLength: 30 });
    fc.assert(
      fc.property(fc.array(ids, { maxLength: 6 }), (pushes) => {
        const target = new TargetStream(tokenizer);
        const appended = pushes.map((push) => target.push(push)).join("");
        expect(appended).toBe(tokenizer.decode(pushes.flat()));
        expect(target.text).toBe(appended);
      }),
    );
  });

  it("puts the space before the word it parts, never at an end", () => {
    const target = new TargetStream(tokenizer);
    const space = tokenizer.encode("▁a").length === 1 ? [16] : [];
    expect(target.push(space)).toBe("");
    expect(target.push(tokenizer.encode("the"))).toBe("the");
    expect(target.push(space)).toBe("");
    expect(target.push(tokenizer.encode("word"))).toBe(" word");
  });
});
