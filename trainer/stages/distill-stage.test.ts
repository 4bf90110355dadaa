// Distillation by each method, in parts, with a small teacher of fixed weights.
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BACK_TRANSLATED_ID, EOS_ID } from "../../models/vocabulary.ts";
import { normalisedWeights } from "../corpus/choices.ts";
import { prepare } from "../corpus/prepare.ts";
import { PreparedCorpus } from "../corpus/prepared.ts";
import { sequenceAt } from "../corpus/shard.ts";
import { BeamSearch, candidatesOf, type Hypothesis } from "../decoding/beam-search.ts";
import { exportedFixture, writeExported } from "../decoding/hugging-face/exported-fixtures.testing.ts";
import { exportedModel } from "../decoding/hugging-face/exported-model.ts";
import { openModelFolder } from "../decoding/hugging-face/model-folder.ts";
import { TeacherForcing } from "../decoding/teacher-forcing.ts";
import { transformerModel } from "../decoding/text-model.ts";
import { sentenceBleu } from "../evaluation/bleu.ts";
import { formulaWeights } from "../networks/formula-weights.testing.ts";
import { parseRecipe } from "../recipe.ts";
import { teacherTrainingGraph } from "../training/teacher-graph.ts";
import type { StageContext } from "./context.ts";
import { distillStage, type WorkShare } from "./distill-stage.ts";
import type { PreparedStage } from "./prepare-stage.ts";
import { hashOf } from "./stage-folder.ts";
import type { NetworkTeacher, TeacherStage } from "./teacher.ts";

const pairs = [
  ["The boat is new.", "Das Boot ist neu."],
  ["The tea is cold.", "Der Tee ist kalt."],
  ["She has a red hat.", "Sie hat einen roten Hut."],
  ["He saw two dogs.", "Er sah zwei Hunde."],
  ["Cold tea?", "Kalter Tee?"],
];
const SIZES = { width: 8, heads: 2, feedForward: 12, encoderLayers: 1, decoderLayers: 1, maxPositions: 32 };

let dir = "";
let prepared: PreparedStage;
let teacher: NetworkTeacher;
let sources: number[][];
let said: string[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-distill-"));
  const path = join(dir, "talk.tsv");
  writeFileSync(path, pairs.map((pair) => `${pair.join("\t")}\n`).join(""));
  const config = {
    source: "en",
    target: "de",
    train: [{ path, name: "talk" }],
    tokenizer: { size: 70, minimumCount: 1 },
  };
  await prepare(config, join(dir, "prepared"));
  const corpus = await PreparedCorpus.open(join(dir, "prepared"));
  prepared = { key: "prepared", corpus, files: [] };
  const architecture = { ...SIZES, vocabulary: corpus.index.vocabulary };
  const { specs } = teacherTrainingGraph(architecture, { dropout: 0, labelSmoothing: 0 }).parameters;
  const weights = formulaWeights(specs);
  weights.get("output.bias")![EOS_ID]! += 0.1;
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  const model = transformerModel({ architecture, weights }, corpus.tokenizer);
  teacher = { type: "network", key: "teacher", architecture, weights, shapes, model };
  sources = pairs.map(([source]) => corpus.tokenizer.encode(source!));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A run of the stage; those of one name share a work folder. */
function distil(name: string, lines: string, share?: WorkShare, by: TeacherStage = teacher) {
  said = [];
  const corpus = "corpus: { source: en, target: de, train: [{ path: talk.tsv }] }";
  const context: StageContext = {
    recipe: parseRecipe(`name: toy\n${corpus}\ndistill: ${lines}\n`, "toy.yaml"),
    ...{ data: dir, work: join(dir, name), quiet: true, say: (text) => said.push(text) },
  };
  return distillStage(context, prepared, by, share);
}

async function distilled(name: string, lines: string) {
  const stage = await distil(name, lines);
  const { shard, choices } = stage!.parts[0]!;
  const rows = shard.target.offsets.length - 1;
  const targets = Array.from({ length: rows }, (_, row) => Array.from(sequenceAt(shard.target, row)));
  const sourceRows = Array.from({ length: rows }, (_, row) => Array.from(sequenceAt(shard.source, row)));
  return { stage: stage!, targets, sourceRows, choices };
}

async function searched(beam: number): Promise<Hypothesis[][]> {
  const settings = { beam, lengthPenalty: 1, maxLengthRatio: 1 };
  const search = await BeamSearch.create(ort, teacher.architecture, teacher.weights, settings);
  return search.search(sources).finally(() => search.dispose());
}

const folderOf = (name: string, key: string) => join(dir, name, "toy", `distill-${key}`);
const resultOf = (name: string, key: string) =>
  JSON.parse(readFileSync(join(folderOf(name, key), "done.json"), "utf8")).counts.talk;

describe("beam", () => {
  test("takes the best hypothesis, and is keyed as it was before there were other methods", async () => {
    const { stage, targets, choices } = await distilled("beam", "{ beam: 3, maxLengthRatio: 1 }");
    expect(targets).toEqual((await searched(3)).map(([best]) => best!.ids));
    expect(choices).toBeUndefined();
    expect(new Set(targets.map(String)).size, "they are not all alike").toBeGreaterThan(1);
    const keyed = { beam: 3, lengthPenalty: 1, maxLengthRatio: 1 };
    expect(stage.key).toBe(hashOf({ stage: "distill", input: { teacher: "teacher", keyed } }));
    const { length } = targets.flat();
    const references = pairs.flatMap(([, target]) => prepared.corpus.tokenizer.encode(target!));
    expect(resultOf("beam", stage.key)).toEqual({
      ...{ sentences: 5, targets: 5, empty: targets.filter((ids) => ids.length === 0).length, targetTokens: length },
      ...{ lengthRatio: length / references.length, firstWeight: 1 },
    });
    expect(said.at(-1)).toMatch(
      /^distill: beam: 5 sentences, \d\.\d\d × the references' length, \d empty, from 1 parts$/,
    );
  });
});

test("back-translated sources are translated, and handed on, without their tag", async () => {
  const { stage: plain, targets } = await distilled("untagged", "{ beam: 2, maxLengthRatio: 1 }");
  const [corpus] = prepared.corpus.index.train;
  corpus!.origin = "back-translation";
  try {
    expect((await prepared.corpus.trainParts())[0]!.prefix, "the teacher's tag").toEqual([BACK_TRANSLATED_ID]);
    const tagged = await distilled("tagged", "{ beam: 2, maxLengthRatio: 1 }");
    expect(tagged.targets).toEqual(targets);
    expect(tagged.stage.parts[0]!.prefix).toEqual([]);
    expect(plain.parts[0]!.prefix).toBeUndefined();
  } finally {
    delete corpus!.origin;
  }
});

describe("nbest", () => {
  test("keeps the n best with the softmax of their scores as weights", async () => {
    const { targets, sourceRows, choices } = await distilled(
      "nbest",
      "{ method: nbest, beam: 3, hypotheses: 2, maxLengthRatio: 1 }",
    );
    const best = (await searched(3)).map((hypotheses) => hypotheses.slice(0, 2));
    expect(targets).toEqual(best.flatMap((list) => list.map(({ ids }) => ids)));
    expect(sourceRows).toEqual(sources.flatMap((source) => [source, source]));
    const weights = best.flatMap((list) => normalisedWeights(list.map(({ score }) => score)));
    expect(choices!.weights).toEqual(Float32Array.from(weights));
    expect([...choices!.offsets]).toEqual([0, 2, 4, 6, 8, 10]);
    expect(said.at(-1)).toMatch(/^distill: nbest: 5 sentences with 10 targets \(mean weight of the first 0\.[5-9]\d\)/);
  });

  test("keeps the whole beam when nothing is said", async () => {
    const { targets } = await distilled("nbest-all", "{ method: nbest, beam: 3, maxLengthRatio: 1 }");
    expect(targets).toHaveLength(15);
  });
});

describe("seq-inter", () => {
  test("takes the hypothesis nearest to the reference", async () => {
    const { stage, targets } = await distilled("nearest", "{ method: seq-inter, beam: 4, maxLengthRatio: 1 }");
    const { tokenizer } = prepared.corpus;
    const found = await searched(4);
    const bleu = (sentence: number, ids: readonly number[]) =>
      sentenceBleu(tokenizer.decode(ids), [pairs[sentence]![1]!]);
    let changed = 0;
    for (const [sentence, hypotheses] of found.entries()) {
      const scores = hypotheses.map(({ ids }) => bleu(sentence, ids));
      const place = scores.indexOf(Math.max(...scores));
      expect(targets[sentence]).toEqual(hypotheses[place]!.ids);
      if (place > 0) changed += 1;
    }
    const { nearest } = resultOf("nearest", stage.key);
    expect(nearest.changed).toBe(changed / 5);
    const mean = (of: readonly (readonly number[])[]) =>
      of.reduce((sum, ids, sentence) => sum + bleu(sentence, ids), 0) / 5;
    expect(nearest.takenBleu).toBeCloseTo(mean(targets), 10);
    expect(nearest.bestBleu).toBeCloseTo(mean(found.map(([best]) => best!.ids)), 10);
    expect(said.at(-1)).toContain("nearer to the reference than the best");
  });
});

describe("sample", () => {
  const lines = (more: string) => `{ method: sample, hypotheses: 3, maxLengthRatio: 1, ${more} }`;

  test("draws the same however the work is cut and batched", async () => {
    const whole = await distilled("sample", lines("batchTokens: 1000"));
    const cut = await distilled("sample-cut", lines("partSentences: 2, batchTokens: 1"));
    expect(cut.stage.key).toBe(whole.stage.key);
    expect(cut.targets).toEqual(whole.targets);
    expect(cut.choices).toEqual(whole.choices);
  });

  test("gives each sentence its samples, equal ones once with the weight of both", async () => {
    const { targets, choices } = await distilled("sample", lines("batchTokens: 1000"));
    expect(choices!.offsets).toHaveLength(6);
    for (let sentence = 0; sentence < 5; sentence += 1) {
      const [from, to] = [choices!.offsets[sentence]!, choices!.offsets[sentence + 1]!];
      const rows = targets.slice(from, to).map((ids) => ids.join());
      expect(new Set(rows).size).toBe(rows.length);
      expect(choices!.weights.subarray(from, to).reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 6);
    }
    const greedy = await distilled("sample-greedy", lines("sampling: { topK: 1 }"));
    expect(greedy.targets).toEqual((await searched(1)).map(([best]) => best!.ids));
    expect([...greedy.choices!.weights]).toEqual([1, 1, 1, 1, 1]);
  });
});

describe("topK", () => {
  const lines = "{ method: nbest, beam: 2, maxLengthRatio: 1, partSentences: 2, topK: 3 }";

  test("stores the teacher's distribution at each position of each target", async () => {
    const { stage, targets, sourceRows } = await distilled("soft", lines);
    const { softTargets, choices } = stage.parts[0]!;
    expect(choices!.weights).toHaveLength(targets.length);
    const forcing = await TeacherForcing.create(teacher, 3);
    const expected = await forcing.distributions(targets.map((target, row) => ({ source: sourceRows[row]!, target })));
    await forcing.dispose();
    let [lost, positions] = [0, 0];
    for (const [row, { ids, logProbabilities, ...rest }] of expected.entries()) {
      const found = softTargets!.read(row);
      expect(found.positions).toBe(rest.positions);
      expect(found.ids).toEqual(ids);
      for (const [at, value] of found.logProbabilities.entries()) expect(value).toBeCloseTo(logProbabilities[at]!, 3);
      positions += rest.positions;
      lost += rest.positions - logProbabilities.reduce((sum, value) => sum + Math.exp(value), 0);
    }
    const { soft } = resultOf("soft", stage.key);
    expect(soft).toMatchObject({ k: 3, bytes: positions * 3 * 4 });
    expect(soft.massLost).toBeCloseTo(lost / positions, 5);
    expect(softTargets!.massLost).toBe(soft.massLost);
    expect(said.at(-1)).toContain(
      `top 3 ids of ${positions} positions in 0.0 MB, ${(100 * soft.massLost).toFixed(2)} %`,
    );
    softTargets!.close();
  });

  test("is part of the key, and is made again where a part's file of it is damaged", async () => {
    const { stage } = await distilled("soft", lines);
    const without = await distilled("soft", lines.replace(", topK: 3", ""));
    expect(without.stage.key).not.toBe(stage.key);
    expect(without.targets).toEqual((await distilled("soft", lines)).targets);
    const folder = folderOf("soft", stage.key);
    const whole = readFileSync(join(folder, "talk.topk"));
    const file = join(folder, "parts", "talk.2.00001.topk");
    rmSync(join(folder, "done.json"));
    truncateSync(file, 8);
    await distil("soft", lines);
    expect(said[0]).toContain(`distill: ${file} does not have the sha256 that`);
    expect(readFileSync(join(folder, "talk.topk"))).toEqual(whole);
    rmSync(join(folder, "done.json"));
    rmSync(file);
    await distil("soft", lines);
    expect(said[0]).toContain(`distill: ${file} is missing: it is made again`);
    expect(readFileSync(join(folder, "talk.topk"))).toEqual(whole);
  });

  test("is refused beyond the vocabulary", async () => {
    await expect(distil("wide", "{ topK: 200 }")).rejects.toThrow(
      `distill.topK: 200 is more than the vocabulary's ${prepared.corpus.index.vocabulary} ids`,
    );
  });
});

describe("a foreign teacher", () => {
  test("reads the corpus as text, and what it writes is encoded again", async () => {
    const path = writeExported(join(dir, "marian"), exportedFixture("marian"));
    const model = exportedModel(openModelFolder(path), { source: "en", target: "de" });
    const foreign = { type: "foreign", key: "marian", folder: path, model } as const;
    const { tokenizer } = prepared.corpus;
    const settings = { beam: 3, lengthPenalty: 1, maxLengthRatio: 2 };
    const search = new BeamSearch(await model.open(candidatesOf(3), 1), settings);
    const read = pairs.map(([source]) => model.codec.encode(source!));
    const found = await search.search(read).finally(() => search.dispose());
    const texts = found.map((list) => list.map(({ ids }) => model.codec.decode(ids)));
    expect(new Set(texts.flat()).size).toBeGreaterThan(4);

    const beam = await distil("foreign", "{ beam: 3, partSentences: 2 }", undefined, foreign);
    const targets = (stage: typeof beam) =>
      Array.from({ length: stage!.parts[0]!.shard.target.offsets.length - 1 }, (_, row) =>
        Array.from(sequenceAt(stage!.parts[0]!.shard.target, row)),
      );
    expect(targets(beam)).toEqual(texts.map(([best]) => tokenizer.encode(best!)));

    const nbest = await distil("foreign", "{ method: nbest, beam: 3 }", undefined, foreign);
    const kept = texts.map((list) => [...new Set(list.map((text) => tokenizer.encode(text).join()))]);
    expect(targets(nbest).map(String)).toEqual(kept.flat());

    const nearest = await distil("foreign", "{ method: seq-inter, beam: 3 }", undefined, foreign);
    for (const [sentence, list] of texts.entries()) {
      const scores = list.map((text) => sentenceBleu(text, [pairs[sentence]![1]!]));
      expect(targets(nearest)[sentence]).toEqual(tokenizer.encode(list[scores.indexOf(Math.max(...scores))]!));
    }
  });

  test("stores no distributions", async () => {
    const path = join(dir, "marian");
    const model = exportedModel(openModelFolder(path), { source: "en", target: "de" });
    const foreign = { type: "foreign", key: "marian", folder: path, model } as const;
    await expect(distil("foreign", "{ topK: 4 }", undefined, foreign)).rejects.toThrow(
      `distill.topK needs a teacher with the corpus's vocabulary, and ${path} has its own`,
    );
  });
});

describe("parts", () => {
  const lines = "{ beam: 2, maxLengthRatio: 1, partSentences: 2 }";
  const partsOf = (name: string, key: string) => {
    const folder = join(folderOf(name, key), "parts");
    return readdirSync(folder)
      .sort()
      .map((file) => join(folder, file));
  };

  test("of two shares give what one run gives", async () => {
    const whole = await distilled("whole", lines);
    expect(await distil("shared", lines, { index: 2, count: 2 })).toBeUndefined();
    expect(said).toEqual(["distill: share 2/2 is done; 2 of 3 parts are left to other shares"]);
    const joined = await distil("shared", lines, { index: 1, count: 2 });
    expect(joined!.parts).toEqual(whole.stage.parts);
  });

  test.each<[string, (file: string) => void, string]>([
    ["cut short", (file) => truncateSync(file, 60), "is no whole JSON"],
    ["empty", (file) => writeFileSync(file, ""), "is no whole JSON"],
    ["another file", (file) => writeFileSync(file, '{"targets":[]}'), "does not fit"],
    [
      "changed",
      (file) => writeFileSync(file, readFileSync(file, "utf8").replace(/"targets":\[\[\[\d+/, '"targets":[[[20')),
      "does not have the sha256 that it states",
    ],
    ["another part's", (file) => writeFileSync(file, readFileSync(file.replace("00001", "00000"))), "does not hold"],
  ])("%s: are named and made again, by the share whose they are", async (how, damage, message) => {
    const name = `damaged-${how.replaceAll(/\W/g, "-")}`;
    const whole = await distilled("whole", lines);
    expect(await distil(name, lines, { index: 1, count: 2 })).toBeUndefined();
    await distil(name, lines, { index: 2, count: 2 });
    rmSync(join(folderOf(name, whole.stage.key), "done.json"));
    const [, second] = partsOf(name, whole.stage.key);
    damage(second!);
    expect(await distil(name, lines, { index: 1, count: 2 }), "the second part is share 2's").toBeUndefined();
    expect(said[0]).toContain(`distill: ${second} ${message}`);
    expect(said[0]).toMatch(/: it is made again$/);
    expect(said[1]).toBe("distill: share 1/2 is done; 1 of 3 parts are left to other shares");
    const mended = await distil(name, lines, { index: 2, count: 2 });
    expect(mended!.parts).toEqual(whole.stage.parts);
    const texts = (of: string) => partsOf(of, whole.stage.key).map((file) => readFileSync(file, "utf8"));
    expect(texts(name)).toEqual(texts("whole"));
  });
});
