// A student that is taught to carry values and terms and to use a form of address: from corpora to what is served.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bundle, loadBundle } from "../models/bundle.ts";
import { carryingOf } from "../models/carrying.ts";
import { StepModel } from "../models/step-model.ts";
import { type Formality, sourcePrefix } from "../models/tags.ts";
import { translateBatch } from "../models/translate.ts";
import { evaluateBundle } from "./evaluation/evaluate-bundle.ts";
import { Random } from "./random.ts";
import { parseRecipe } from "./recipe.ts";
import type { StageContext } from "./stages/context.ts";
import { runStages } from "./stages.ts";

const NOUNS = (
  "lamps Lampen,letters Briefe,hats Hüte,keys Schlüssel,gardens Gärten,loaves Brote,trees Bäume,cups Tassen,boats Boote," +
  "books Bücher,chairs Stühle,shirts Hemden,doors Türen,birds Vögel,stones Steine,songs Lieder,coats Mäntel,walls Wände"
)
  .split(",")
  .map((pair) => pair.split(" "));
const VERBS = [
  ["see", "sehen", "siehst"],
  ["find", "finden", "findest"],
  ["buy", "kaufen", "kaufst"],
] as const;

/** Sentences with a number, and a noun that is one of few; some speak to somebody, in either form. */
function pairs(count: number, label: string): string {
  const random = new Random(1, label);
  const one = <T>(items: readonly T[]): T => items[random.below(items.length)]!;
  return Array.from({ length: count }, () => {
    const number = 10 + random.below(90);
    const [noun, Nomen] = one(NOUNS);
    const [verb, wirVerb, duVerb] = one(VERBS);
    const kind = random.below(3);
    if (kind === 0) return `we ${verb} ${number} ${noun}.\twir ${wirVerb} ${number} ${Nomen}.\n`;
    const form = kind === 1 ? `${duVerb} du` : `${wirVerb} Sie`;
    return `do you ${verb} ${number} ${noun}?\t${form} ${number} ${Nomen}?\n`;
  }).join("");
}

const SIZES = "{ width: 48, heads: 2, feedForward: 96, encoderLayers: 1, decoderLayers: 1, maxPositions: 48 }";
const training = (steps: number) =>
  `{ steps: ${steps}, batchTokens: 768, maximumTokens: 48, peakRate: 6e-3, warmUpSteps: 30, dropout: 0,
    validateEverySteps: ${steps}, validationSentences: 10, averageSnapshots: 1 }`;
const RECIPE = `
name: carrying
corpus:
  source: en
  target: de
  train: [{ path: talk/train.tsv }]
  valid: [talk/valid.tsv]
  test: [talk/test.tsv]
  tokenizer: { size: 240, minimumCount: 1 }
teacher: { architecture: ${SIZES}, training: ${training(2)} }
distill: { corpora: [] }
student:
  architecture: ${SIZES}
  initFromTeacher: false
  training: ${training(260)}
  waits: { maximum: 5, full: 0.5 }
  placeholders: { share: 0.6, terms: 0.4 }
  formality: { share: 0.4 }
evaluate: { waits: [full], beam: 1 }
export: { blankBias: [0], precision: fp32 }
`;

let dir = "";
let bundle: Bundle;
const said: string[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-carrying-"));
  mkdirSync(join(dir, "talk"));
  for (const [name, count] of [
    ["train", 900],
    ["valid", 12],
    ["test", 12],
  ] as const)
    writeFileSync(join(dir, "talk", `${name}.tsv`), pairs(count, name));
  const context: StageContext = {
    recipe: parseRecipe(RECIPE, "carrying.yaml"),
    ...{ data: dir, work: join(dir, "work"), quiet: true, say: (text) => said.push(text) },
  };
  await runStages(context, { until: "export", version: "test", out: join(dir, "models") });
  bundle = await loadBundle(join(dir, "models", "carrying"));
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function translated(texts: readonly string[], asked: { formality?: Formality; terms?: boolean } = {}) {
  const { manifest, tokenizer, stepPath } = bundle;
  const model = await StepModel.create(ort, stepPath!, manifest);
  const glossary = asked.terms ? [{ source: "violins", target: "Geigen" }] : [];
  const options = {
    wait: "full" as const,
    carrying: carryingOf(manifest, { glossary }),
    prefix: sourcePrefix(manifest, { formality: asked.formality }),
  };
  const outputs = await translateBatch(model, tokenizer, texts, options);
  await model.release();
  return outputs.map(({ text }) => text);
}

test("the run tells what it made, and the bundle what its model knows", () => {
  expect(said.join("\n")).toMatch(/student: [1-9]\d* pairs with placeholders for values, [1-9]\d* for words/);
  expect(said.join("\n")).toMatch(/student: [1-9]\d* pairs tagged as formal, [1-9]\d* as informal/);
  expect(bundle.manifest).toMatchObject({
    tags: { formality: { formal: 5, informal: 6 } },
    placeholders: { kinds: ["number", "code", "address", "name", "term"], translated: [] },
  });
  const teacher = JSON.parse(readFileSync(join(dir, "models", "carrying-teacher", "bundle.json"), "utf8"));
  expect([teacher.tags, teacher.placeholders]).toEqual([undefined, undefined]);
});

test("values of a kind that it never saw, and terms of a glossary, come through", async () => {
  const texts = ["we see 4,711 lamps.", "we find 98765 hats.", "we buy XK-20 keys.", "we see 333 letters."];
  const values = ["4.711", "98765", "XK-20", "333"];
  const outputs = await translated(texts);
  expect(outputs.filter((text, at) => text.includes(values[at]!)).length).toBeGreaterThanOrEqual(3);
  const [term] = await translated(["we see 17 violins."], { terms: true });
  expect(term).toContain("Geigen");
  expect(await translated(["we see 17 violins."])).not.toContain("Geigen");
});

test("it speaks as it is asked to", async () => {
  const texts = ["do you see 12 lamps?", "do you find 47 hats?", "do you buy 31 keys?", "do you see 88 letters?"];
  const formal = await translated(texts, { formality: "formal" });
  const informal = await translated(texts, { formality: "informal" });
  expect(formal.filter((text) => / Sie /.test(text)).length).toBeGreaterThanOrEqual(3);
  expect(informal.filter((text) => / du /.test(text)).length).toBeGreaterThanOrEqual(3);
});

test("the evaluation measures all of it", async () => {
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const options = {
    ...{ bundle: join(dir, "models", "carrying"), test: join(dir, "talk", "test.tsv"), wait: ["full" as const] },
    ...{ beam: 1, threads: 1 },
    copy: file("copy.tsv", "we see 4,711 lamps.\twir sehen 4.711 Lampen.\t4,711\n"),
    glossary: file("terms.tsv", "we see 17 violins.\twir sehen 17 Geigen.\tviolins=Geigen\n"),
    formality: file("forms.tsv", "do you see 12 hats?\tsehen Sie 12 Hüte?\tsiehst du 12 Hüte?\n"),
  };
  const [row] = (await evaluateBundle(options)).rows;
  expect(row!.copied).toMatchObject({ values: 1, share: 1 });
  expect(row!.terms).toMatchObject({ terms: 1, share: 1, shareWithout: 0 });
  expect(row!.formality!.formal.share + row!.formality!.informal.share).toBeGreaterThan(0);
  const plain = await evaluateBundle({ ...options, placeholders: false });
  expect(plain.rows[0]!.copied!.share).toBeLessThan(1);
});
