import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { formalityScores, readFormalitySet } from "./formality-set.ts";
import { readGlossarySet, termScores } from "./glossary-set.ts";

const dir = mkdtempSync(join(tmpdir(), "souffleur-glossary-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(dir, "set.tsv");
  writeFileSync(path, text);
  return path;
}

const shipped = (name: string) => new URL(`fixtures/${name}.tsv`, import.meta.url).pathname;

describe.each([
  ["de", 64, 40],
  ["fr", 32, 30],
])("the shipped sets for en-%s", (target, terms, sentences) => {
  test("have references with every term", async () => {
    const set = await readGlossarySet(shipped(`glossary-en-${target}`));
    const references = set.sentences.map(({ references: [first] }) => first!);
    const none = references.map(() => "");
    expect(termScores(set, references, none, "en", target)).toEqual({
      ...{ terms, share: 1, shareWithout: 0, bleu: expect.closeTo(100), bleuWithout: 0 },
    });
  });

  test("have references in both forms of address", async () => {
    const set = await readFormalitySet(shipped(`formality-en-${target}`));
    expect(set.sources).toHaveLength(sentences);
    const { formal, informal } = formalityScores(set, set.references, set.references.formal, target);
    expect(formal).toEqual({ share: 1, shareUnasked: 1, bleu: expect.closeTo(100) });
    expect(informal).toEqual({ share: 1, shareUnasked: 0, bleu: expect.closeTo(100) });
  });
});

test("a term counts as a whole word, as the glossary has it", async () => {
  const set = await readGlossarySet(
    file("A cap and the CAP.\tEine Mütze\tcap=Mütze\nThe cap.\tDie Mütze.\tcap=Mütze\n"),
  );
  expect(set.glossary).toEqual([{ source: "cap", target: "Mütze" }]);
  const scores = termScores(set, ["die Mützen", "die Mütze!"], ["die Kappe", "Mützenband"], "en", "de");
  expect(scores).toMatchObject({ terms: 2, share: 0.5, shareWithout: 0 });
});

test.each([
  ["a\tb\n", ":1: a line must be source, reference and terms, separated by tabs"],
  ["a cap\tb\tcap\n", ':1: "cap" must be term=translation'],
  ["a cap\tb\that=Hut\n", ':1: "hat" is not in the source'],
  ["a cap\tb\tcap=x\nmy Cap\tb\tCap=y\n", ':2: "Cap" is "x" elsewhere'],
  ["a cap\tb\tcap=…\n", "must begin with a letter or digit"],
  ["", "is empty"],
])("%j is refused with its place", async (text, message) => {
  await expect(readGlossarySet(file(text))).rejects.toThrow(message);
});

test("a formality set without one of the references is refused with its line", async () => {
  await expect(readFormalitySet(file("a\tb\tc\na\tb\n"))).rejects.toThrow(":2: a line must be source, formal and");
  await expect(readFormalitySet(file(""))).rejects.toThrow("is empty");
});
