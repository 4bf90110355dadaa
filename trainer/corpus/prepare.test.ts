import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BACK_TRANSLATED_ID } from "../../models/vocabulary.ts";
import { readTestSet } from "../evaluation/test-set.ts";
import { BatchStream } from "./batches.ts";
import { corpusName, type PrepareConfig } from "./config.ts";
import { type PrepareProgress, prepare } from "./prepare.ts";
import { PreparedCorpus } from "./prepared.ts";
import { sequenceAt } from "./shard.ts";

let dir = "";
let config: PrepareConfig;
const at = (name: string) => join(dir, name);

const talk = [
  "The boat is late.\tDas Boot ist spät.",
  "The boat is late.\tDas Boot ist spät.",
  "The boat is new.\tDas Boot ist neu.",
  "The tea is cold.\tDer Tee ist kalt.",
  "the TEA was hot!\tDer Tee war warm.",
  "He was late.\tDer Zug ist heute pünktlich",
  "only one column",
  "She sees the boat.\tSie sieht das Boot.",
];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "souffleur-prepare-"));
  await writeFile(at("talk.tsv.gz"), gzipSync(talk.join("\n")));
  await writeFile(at("words.tsv"), "tea\tTee\nboat\tBoot\nThe boat is new.\tDas Boot ist neu.\n");
  await writeFile(at("valid.tsv"), "The tea was hot.\tDer Tee war heiß.\tHeiß war der Tee.\n");
  await writeFile(at("test.tsv"), "The train is on time.\tDer Zug ist heute pünktlich.\n");
  config = {
    source: "en",
    target: "de",
    train: [
      { path: at("talk.tsv.gz"), name: "talk", join: 0.5 },
      { path: at("words.tsv"), name: "words", weight: 0.5 },
    ],
    valid: [at("valid.tsv")],
    test: [at("test.tsv")],
    tokenizer: { size: 64, minimumCount: 1 },
  };
});
afterAll(() => rm(dir, { recursive: true }));

test("prepares files into a folder that training can open, with every line accounted for", async () => {
  const progress: PrepareProgress[] = [];
  const report = await prepare(config, at("out"), (event) => progress.push(event));
  const [first, words] = report.train;
  expect(first).toMatchObject({ name: "talk", read: 8, duplicates: 1, leaks: 2, pairs: 4, averageSourceWords: 4 });
  expect(first.dropped).toMatchObject({ columns: 1, empty: 0 });
  expect(words).toMatchObject({ read: 3, duplicates: 1, pairs: 2, weight: 0.5 });
  expect(report.valid).toMatchObject([{ references: 2, pairs: 1 }]);
  expect(report.tokenizer).toMatchObject({ vocabulary: 64, unknownCharacters: 0 });
  expect(report.epoch.examples + report.epoch.joined).toBeLessThanOrEqual(5);
  expect(progress.map(({ stage }) => stage)).toEqual([
    "clean",
    "clean",
    "tokenizer",
    "tokenizer",
    "encode",
    "encode",
    "encode",
    "encode",
  ]);
  expect(JSON.parse(await readFile(at("out/report.json"), "utf8"))).toEqual(report);

  const corpus = await PreparedCorpus.open(at("out"));
  const parts = await corpus.trainParts();
  const lines = (await readFile(`${corpus.trainPath("talk")}.tsv`, "utf8")).trimEnd().split("\n");
  expect(lines).toEqual([talk[0], talk[2], talk[3], talk[7]]);
  for (const [row, line] of lines.entries()) {
    const texts = [parts[0].shard.source, parts[0].shard.target].map((side) =>
      corpus.tokenizer.decode([...sequenceAt(side, row)]),
    );
    expect(texts.join("\t")).toBe(line);
  }
  const { sources, references, shard } = await corpus.heldOut("valid", corpus.index.valid[0].name);
  expect({ sources, references }).toEqual({
    sources: ["The tea was hot."],
    references: [["Der Tee war heiß.", "Heiß war der Tee."]],
  });
  expect([...sequenceAt(shard.source, 0)]).toEqual(corpus.tokenizer.encode(sources[0]));
  expect(new BatchStream(parts, { seed: 1, paddedTokens: 256 }).next().rows).toBeGreaterThan(0);
});

test("the same input gives the same files", async () => {
  await prepare(config, at("one"));
  await prepare(config, at("two"));
  for (const file of ["tokenizer.json", "corpus.json", "train/talk.shard", "train/talk.tsv", "train/words.json"]) {
    expect(await readFile(at(`two/${file}`)), file).toEqual(await readFile(at(`one/${file}`)));
  }
});

test("a failure leaves the last result as it was, and nothing beside it", async () => {
  await prepare(config, at("kept"));
  const before = await readFile(at("kept/corpus.json"), "utf8");
  const broken = { ...config, train: [...config.train, { path: at("missing.tsv") }] };
  await expect(prepare(broken, at("kept"))).rejects.toThrow(/cannot read .*missing\.tsv/);
  expect(await readFile(at("kept/corpus.json"), "utf8")).toBe(before);
  expect((await readdir(dir)).filter((name) => name.startsWith("kept"))).toEqual(["kept"]);
});

test("refuses a configuration that does not fit", async () => {
  const [corpus] = config.train;
  await expect(prepare({ ...config, train: [corpus, corpus] }, at("no"))).rejects.toThrow(/two corpora.*talk/);
  await expect(prepare({ ...config, train: [] }, at("no"))).rejects.toThrow(/train/);
  await expect(prepare({ ...config, train: [{ ...corpus, join: 2 }] }, at("no"))).rejects.toThrow(/join/);
});

test("a held-out line that cannot be scored is refused by file and line, as in evaluation", async () => {
  await writeFile(at("held.tsv.gz"), gzipSync("The tea is cold.\tDer Tee ist kalt.\n\tno source\n"));
  await writeFile(at("none.tsv"), "");
  const refusal = { message: `${at("held.tsv.gz")}:2: no source`, exitCode: 2 };
  await expect(prepare({ ...config, valid: [at("held.tsv.gz")] }, at("no"))).rejects.toMatchObject(refusal);
  await expect(readTestSet(at("held.tsv.gz"))).rejects.toMatchObject(refusal);
  await expect(prepare({ ...config, test: [at("none.tsv")] }, at("no"))).rejects.toThrow("none.tsv: no sentences");
});

test("a tokenizer is taken over as it is, and what it does not know is counted", async () => {
  await prepare(config, at("first"));
  const file = at("first/tokenizer.json");
  await writeFile(at("more.tsv"), "Quick oxen jump.\tFlinke Ochsen jagen.\n");
  const other = { ...config, train: [{ path: at("more.tsv") }], tokenizer: { file } };
  const report = await prepare(other, at("second"));
  expect(await readFile(at("second/tokenizer.json"))).toEqual(await readFile(file));
  expect(report.tokenizer).toMatchObject({ vocabulary: 64, unknownCharacters: [..."QxjmFOg"].length });
  const [first, second] = await Promise.all([PreparedCorpus.open(at("first")), PreparedCorpus.open(at("second"))]);
  expect(second.index.tokenizerSha256).toBe(first.index.tokenizerSha256);
  expect(second.tokenizer.encode("The boat is late.")).toEqual(first.tokenizer.encode("The boat is late."));
});

test("a tokenizer file that is none is refused with its path", async () => {
  await writeFile(at("broken.json"), "{");
  await writeFile(at("other.json"), '{"model":{}}');
  const prepareWith = (name: string) => prepare({ ...config, tokenizer: { file: at(name) } }, at("no"));
  await expect(prepareWith("missing.json")).rejects.toThrow(/cannot read the tokenizer .*missing\.json/);
  await expect(prepareWith("broken.json")).rejects.toThrow(/broken\.json is not JSON/);
  await expect(prepareWith("other.json")).rejects.toThrow(/other\.json: tokenizer\.json: /);
});

test("a tokenizer that was exchanged is noticed", async () => {
  await prepare(config, at("swapped"));
  await writeFile(at("swapped/tokenizer.json"), "{}");
  await expect(PreparedCorpus.open(at("swapped"))).rejects.toThrow(/tokenizer\.json is not the one/);
});

test("corpora are named by folder and file", () => {
  expect(corpusName("/data/tatoeba-en-de/train.tsv.gz")).toBe("tatoeba-en-de.train");
  expect(corpusName("my corpus.tsv")).toBe("my-corpus");
});

test("what was left out is in a file, with its rule and place", async () => {
  await prepare({ ...config, cleaning: { sameEndMark: true } }, at("dropped"));
  const lines = gunzipSync(await readFile(at("dropped/dropped.tsv.gz")))
    .toString("utf8")
    .split("\n");
  const talkFile = at("talk.tsv.gz");
  expect(lines).toEqual([
    "rule\tfile\tline\tsource\ttarget",
    `duplicate\t${talkFile}\t2\tThe boat is late.\tDas Boot ist spät.`,
    `leak\t${talkFile}\t5\tthe TEA was hot!\tDer Tee war warm.`,
    `end-mark\t${talkFile}\t6\tHe was late.\tDer Zug ist heute pünktlich`,
    `columns\t${talkFile}\t7\tonly one column\t`,
    `duplicate\t${at("words.tsv")}\t3\tThe boat is new.\tDas Boot ist neu.`,
    "",
  ]);
});

test("sides in the wrong language are found once the corpora have taught what they look like", async () => {
  const wrong = "Das Boot ist spät. Der Tee ist kalt.\tThe boat is late. The tea is cold.";
  await writeFile(at("swapped.tsv"), [...talk, ...talk, ...talk, wrong].join("\n"));
  const swapped = { ...config, train: [{ path: at("swapped.tsv") }], cleaning: { checkLanguage: true } };
  const [corpus] = (await prepare(swapped, at("checked"))).train;
  expect(corpus.dropped).toMatchObject({ "wrong-language": 1 });
  expect(corpus.pairs).toBe(4);
});

test("corpora of other formats are prepared like TSV, held-out sets too", async () => {
  const [english, german] = [0, 1].map((side) => talk.map((line) => line.split("\t")[side] ?? "").join("\n"));
  await writeFile(at("talk.en"), english);
  await writeFile(at("talk.de"), german);
  await writeFile(at("dev.en"), "The tea was hot.\n");
  await writeFile(at("dev.de"), "Der Tee war heiß.\n");
  const other = { ...config, train: [{ path: at("talk"), name: "talk" }], valid: [at("dev")] };
  const [corpus] = (await prepare(other, at("moses"))).train;
  expect(corpus).toMatchObject({ format: "moses", read: 8, duplicates: 1, leaks: 2, pairs: 4 });
  expect(corpus.dropped).toMatchObject({ empty: 1, columns: 0 });
  await prepare({ ...config, train: [{ path: at("talk.tsv.gz"), name: "talk" }] }, at("tsv"));
  expect(await readFile(at("moses/train/talk.shard"))).toEqual(await readFile(at("tsv/train/talk.shard")));
});

test("back-translations begin with their tag in batches, joined ones once, and nowhere on disk", async () => {
  const [corpus, words] = config.train;
  const tagged = { ...config, train: [{ ...corpus, join: 1, origin: "back-translation" as const }, words] };
  await prepare(tagged, at("tagged"));
  await prepare(config, at("plain"));
  expect(await readFile(at("tagged/train/talk.shard"))).toEqual(await readFile(at("plain/train/talk.shard")));
  const parts = await (await PreparedCorpus.open(at("tagged"))).trainParts();
  expect(parts.map(({ prefix }) => prefix)).toEqual([[BACK_TRANSLATED_ID], undefined]);
  const stream = new BatchStream([parts[0]], { seed: 1, paddedTokens: 4096, slotsPerToken: 2 });
  const { source, sourceLengths, rows, S } = stream.next();
  for (let row = 0; row < rows; row += 1) {
    const ids = [...source.subarray(row * S, row * S + sourceLengths[row])];
    expect(ids.indexOf(BACK_TRANSLATED_ID)).toBe(0);
    expect(ids.lastIndexOf(BACK_TRANSLATED_ID)).toBe(0);
  }
  expect(stream.statistics().joined).toBeGreaterThan(0);
});

test("prepares several targets: one vocabulary, a tag for each, shares evened out", async () => {
  await writeFile(
    at("fr.tsv"),
    "The boat is late.\tLe bateau est en retard.\nThe train is on time.\tLe train est là.\n",
  );
  const several: PrepareConfig = {
    ...config,
    target: ["de", "fr"],
    targetTemperature: 100,
    train: [
      { path: at("talk.tsv.gz"), name: "talk", target: "de" },
      { path: at("fr.tsv"), name: "fr", target: "fr" },
    ],
    valid: [{ path: at("valid.tsv"), target: "de" }],
    test: [{ path: at("test.tsv"), target: "de" }],
  };
  const report = await prepare(several, at("several"));
  // A sentence that is held out for German is not trained on with a French target either.
  expect(report.train[1]).toMatchObject({ target: "fr", read: 2, leaks: 1, pairs: 1, weight: 1 });
  const corpus = await PreparedCorpus.open(at("several"));
  expect(corpus.index).toMatchObject({ target: ["de", "fr"], valid: [{ target: "de" }] });
  const parts = await corpus.trainParts();
  expect(parts.map(({ prefix }) => prefix)).toEqual([[13], [14]]);
  const sampled = parts.map(({ shard, weight }) => weight * (shard.source.offsets.length - 1));
  expect(sampled[0] + sampled[1]).toBeCloseTo(5, 9);
  expect(sampled[0] - sampled[1]).toBeLessThan(0.1);
  expect([corpus.prefixOf("fr"), corpus.prefixOf(undefined)]).toEqual([[14], []]);
});
