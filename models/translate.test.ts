import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { carryingOf } from "./carrying.ts";
import { StandInModel } from "./stand-in-model.ts";
import { standInTokenizer } from "./stand-in-tokenizer.ts";
import { StandInWaitKModel } from "./stand-in-wait-k-model.ts";
import { translateBatch, translateText } from "./translate.ts";
import { FORMAL_ID, TARGET_TAG_IDS } from "./vocabulary.ts";

const tokenizer = standInTokenizer();
const standIn = (maxSourceTokens = 160) =>
  new StandInModel({ vocabularySize: tokenizer.vocabularySize, slotsPerToken: 2, maxSourceTokens });

const text = fc
  .array(fc.constantFrom("the", "word", "chest", "in", "42", "1.5", "x12", "don't", "und"), { maxLength: 14 })
  .map((words) => words.join(" "));
const wait = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constant<"full">("full"));

const MODELS = {
  "a CTC student": standIn,
  "an autoregressive student": (maxSourceTokens?: number) => new StandInWaitKModel(maxSourceTokens),
};

const CARRYING = carryingOf(
  {
    ...{ name: "en-de", source: "en", target: "de" },
    placeholders: { kinds: ["number", "code", "term"], translated: [] },
  },
  { glossary: [{ source: "the word", target: "das Wort" }] },
);

describe("translate", () => {
  it.each(Object.entries(MODELS))(
    "gives in batches what it gives unit by unit, events too, with %s",
    async (_, open) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(text, { maxLength: 6 }),
          wait,
          fc.integer({ min: 4, max: 30 }),
          fc.constantFrom([], [TARGET_TAG_IDS[0]], [FORMAL_ID, TARGET_TAG_IDS[1]]),
          fc.constantFrom(undefined, CARRYING),
          async (texts, wait, limit, prefix, carrying) => {
            const model = open(limit);
            const single = await Promise.all(
              texts.map((one) => translateText(model, tokenizer, one, { wait, prefix, carrying })),
            );
            expect(await translateBatch(model, tokenizer, texts, { wait, prefix, carrying, batchSize: 3 })).toEqual(
              single,
            );
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it("writes values and terms as the target has them, and counts a term's words as read", async () => {
    const source = "in the word 1.5, the chest";
    const { text, events } = await translateText(standIn(), tokenizer, source, { wait: 1, carrying: CARRYING });
    expect(text).toMatch(/(^| )das Wort.* 1,5/);
    const plain = await translateText(standIn(), tokenizer, source, { wait: 1 });
    expect(plain.text).not.toContain("das Wort");
    expect(events.at(-1)).toMatchObject({ wordsRead: 6 });
  });

  it("tells what each part needed", async () => {
    const { text, events } = await translateText(standIn(), tokenizer, "the word in the chest", { wait: 2 });
    expect(events.map((event) => event.text).join("")).toBe(text);
    expect(events.length).toBeGreaterThan(2);
    const tokens = tokenizer.encode("the word in the chest").length;
    expect(events.at(-1)).toMatchObject({ tokensRead: tokens, wordsRead: 5 });
    for (const event of events) expect(event.tokensRead).toBeGreaterThanOrEqual(2);
    const full = await translateText(standIn(), tokenizer, "the word in the chest", { wait: "full" });
    expect(full.events).toMatchObject([{ tokensRead: tokens, wordsRead: 5, text: full.text }]);
  });

  it("goes on in a new segment at the position limit", async () => {
    const long = Array(30).fill("word in the chest").join(" ");
    const { text, events } = await translateText(standIn(24), tokenizer, long, { wait: 2 });
    expect(events.at(-1)?.wordsRead).toBe(120);
    expect(text).not.toMatch(/ {2}|^ | $/);
    // One token too many: the full stop takes its word along.
    const model = standIn(tokenizer.encode("word in chest").length + 1);
    const requests: number[][] = [];
    const run = model.run.bind(model);
    model.run = (rows) => {
      requests.push(...rows.map((row) => [...row.tokens]));
      return run(rows);
    };
    await translateText(model, tokenizer, "word in chest.", { wait: "full" });
    expect(requests.map((tokens) => tokenizer.decode(tokens))).toEqual(["word in", "chest."]);
    const oneWord = await translateText(standIn(6), tokenizer, "q".repeat(40), { wait: 1 });
    expect(oneWord.events.at(-1)).toMatchObject({ tokensRead: 41, wordsRead: 1 });
  });

  it("puts the prefix before every segment, counts it in the position limit and not in what was read", async () => {
    const prefix = [FORMAL_ID, TARGET_TAG_IDS[1]];
    const words = tokenizer.encode("word in").length;
    const model = standIn(prefix.length + words + 1);
    const requests: number[][] = [];
    const run = model.run.bind(model);
    model.run = (rows) => {
      requests.push(...rows.map((row) => [...row.tokens]));
      return run(rows);
    };
    const { events } = await translateText(model, tokenizer, "word in word in", { wait: "full", prefix });
    expect(requests.map((tokens) => tokens.slice(0, 2))).toEqual([prefix, prefix]);
    expect(requests.map((tokens) => tokenizer.decode(tokens))).toEqual(["word in", "word in"]);
    expect(events.map(({ tokensRead, wordsRead }) => [tokensRead, wordsRead])).toEqual([
      [words, 2],
      [2 * words, 4],
    ]);
    // Nothing is said before a word is read, however short the wait; another tag says something else.
    const eager = await translateText(standIn(), tokenizer, "the word in the chest", { wait: 1, prefix });
    expect(eager.events[0].wordsRead).toBe(1);
    const other = await translateText(standIn(), tokenizer, "the word in the chest", { wait: 1, prefix: [prefix[1]] });
    expect(other.text).not.toBe(eager.text);
  });

  it("batches texts of like length, no more than asked for", async () => {
    const model = standIn();
    await translateBatch(model, tokenizer, Array(7).fill("the word"), { wait: 3, batchSize: 3 });
    expect(model.batches).toEqual([3, 3, 1]);
  });

  it("gives nothing for nothing", async () => {
    expect(await translateText(standIn(), tokenizer, "  ", { wait: 1 })).toEqual({ text: "", events: [] });
    expect(await translateBatch(standIn(), tokenizer, ["", "the"], { wait: 1 })).toMatchObject([{ text: "" }, {}]);
    expect(await translateBatch(standIn(), tokenizer, [], { wait: 1 })).toEqual([]);
  });
});
