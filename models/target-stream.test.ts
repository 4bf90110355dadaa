import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PlaceholderTable } from "./placeholder-table.ts";
import { standInTokenizer } from "./stand-in-tokenizer.ts";
import { TargetStream } from "./target-stream.ts";
import { PLACEHOLDER_IDS } from "./vocabulary.ts";

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

  it("writes what placeholders stand for, with a space where a word would have one", () => {
    const table = new PlaceholderTable();
    const [one, other, unread] = PLACEHOLDER_IDS;
    expect(table.idsOf({ ids: [20], value: "12,5" })).toEqual([one]);
    expect(table.idsOf({ ids: [21], value: "am Ende" })).toEqual([other]);
    const written = (...parts: (string | number)[]) => {
      const target = new TargetStream(tokenizer, table);
      const ids = parts.map((part) => (typeof part === "number" ? [part] : tokenizer.encode(part)));
      return ids.map((some) => target.push(some)).join("");
    };
    const inside = (text: string) => tokenizer.encode(`a${text}`).slice(1);
    const target = new TargetStream(tokenizer, table);
    expect(target.push([one!, ...inside("."), other!, unread!])).toBe("12,5. am Ende");
    expect(written("der", one!, "in")).toBe("der 12,5 in");
    expect(written("der (", one!)).toBe("der (12,5");
    expect(written('"', one!)).toBe('"12,5');
    expect(written('"a"', one!)).toBe('"a" 12,5');
    expect(written("a-", one!)).toBe("a-12,5");
    expect(written("a -", one!)).toBe("a - 12,5");
  });
});

describe("PlaceholderTable", () => {
  it("has as many values as there are placeholders; the same one again is the same, others are left as text", () => {
    const table = new PlaceholderTable();
    const values = Array.from({ length: 7 }, (_, index) => `v${index}`);
    const made = [...values, "v1"].map((value, index) => table.idsOf({ ids: [30 + index], value }));
    expect(made).toEqual([...PLACEHOLDER_IDS.map((id) => [id]), [35], [36], [PLACEHOLDER_IDS[1]]]);
    expect(table.idsOf({ ids: [40, 41] })).toEqual([40, 41]);
    expect(table.valueOf(PLACEHOLDER_IDS[4]!)).toBe("v4");
    expect(table.valueOf(40)).toBeUndefined();
  });
});
