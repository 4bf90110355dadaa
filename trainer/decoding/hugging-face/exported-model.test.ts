// Tiny Marian, M2M-100, NLLB and mBART-50 models as Optimum exports them, against transformers' own generation.
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Random } from "../../random.ts";
import { BeamSearch, candidatesOf, type Hypothesis, inBatches } from "../beam-search.ts";
import { Sampler } from "../sampler.ts";
import {
  EXPORTED_FAMILIES,
  type ExportedFixture,
  exportedFixture,
  writeExported,
} from "./exported-fixtures.testing.ts";
import { exportedModel } from "./exported-model.ts";
import { languageIds } from "./languages.ts";
import { type ModelFolder, openModelFolder } from "./model-folder.ts";

const LANGUAGES = {
  marian: { source: "en", target: "de" },
  m2m100: { source: "en", target: "de" },
  nllb: { source: "eng_Latn", target: "deu_Latn" },
  mbart50: { source: "en", target: "de_DE" },
};

let dir = "";
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-exported-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.each(EXPORTED_FAMILIES)("%s", (family) => {
  let fixture: ExportedFixture;
  let folder: ModelFolder;
  beforeAll(() => {
    fixture = exportedFixture(family);
    // The reference was cut at this length, the start counted.
    folder = { ...openModelFolder(writeExported(join(dir, family), fixture)), maxLength: fixture.maxLength };
  });
  const model = () => exportedModel(folder, LANGUAGES[family]);

  async function searched(
    beam: number,
    texts: readonly string[],
    candidates?: number | "all",
  ): Promise<Hypothesis[][]> {
    const { codec, open } = model();
    const settings = { beam, lengthPenalty: 0, maxLengthRatio: 20 };
    const search = new BeamSearch(await open(candidates ?? candidatesOf(beam), 1), settings);
    return search.search(texts.map((text) => codec.encode(text))).finally(() => search.dispose());
  }

  /** Log-probability of a hypothesis, by the decoder's first branch alone: no past, the whole prefix at once. */
  async function withoutCache(
    { encoder, decoder }: Record<"encoder" | "decoder", ort.InferenceSession>,
    sourceIds: readonly number[],
    ids: readonly number[],
  ): Promise<number> {
    const int64 = (values: readonly number[]) =>
      new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
    const mask = int64(sourceIds.map(() => 1));
    const { last_hidden_state } = await encoder.run({ input_ids: int64(sourceIds), attention_mask: mask });
    const { forcedFirst } = languageIds(folder, LANGUAGES[family]);
    const begin = [folder.startId, ...(forcedFirst === undefined ? [] : [forcedFirst])];
    const dims = [1, folder.heads, 1, folder.headWidth];
    const past = decoder.inputNames.filter((name) => name.startsWith("past"));
    const { logits } = await decoder.run({
      input_ids: int64([...begin, ...ids]),
      encoder_hidden_states: last_hidden_state!,
      encoder_attention_mask: mask,
      use_cache_branch: new ort.Tensor("bool", [false], [1]),
      ...Object.fromEntries(
        past.map((name) => [name, new ort.Tensor("float32", new Float32Array(folder.heads * folder.headWidth), dims)]),
      ),
    });
    const V = logits!.dims[2]!;
    const values = Array.from(logits!.data, Number);
    let sum = 0;
    for (const [place, id] of [...ids, folder.endId].entries()) {
      const row = values.slice((begin.length - 1 + place) * V, (begin.length + place) * V);
      sum += row[id]! - Math.log(row.reduce((total, value) => total + Math.exp(value), 0));
    }
    return sum;
  }

  test("reads a source as transformers does", () => {
    const { sourcePrefix, sourceSuffix } = languageIds(folder, LANGUAGES[family]);
    for (const { text, sourceIds } of fixture.cases)
      expect([...sourcePrefix, ...model().codec.encode(text), ...sourceSuffix], text).toEqual(sourceIds);
  });

  test("is searched greedily as transformers does, and its text is the same", async () => {
    const texts = fixture.cases.map(({ text }) => text);
    const found = await searched(1, texts);
    for (const [place, { greedy, decoded }] of fixture.cases.entries()) {
      expect(found[place]![0]!.ids, texts[place]).toEqual(greedy.ids);
      expect(model().codec.decode(found[place]![0]!.ids), texts[place]).toBe(decoded.trim());
    }
    expect(new Set(found.map(([best]) => best!.ids.join())).size, "they are not all alike").toBeGreaterThan(3);
  });

  test("has the beams of transformers, with their log-probabilities, in a batch", async () => {
    const found = await searched(
      fixture.beams,
      fixture.cases.map(({ text }) => text),
    );
    for (const [place, { beams, text }] of fixture.cases.entries()) {
      const ended = beams.filter((beam) => beam.ended);
      const ours = found[place]!;
      // transformers also hands out what its limit has cut; ours does so only where nothing has ended
      const same =
        ended.length === beams.length ? ours : ours.filter(({ ids }) => ended.some((o) => `${o.ids}` === `${ids}`));
      expect(
        same.map(({ ids }) => ids),
        text,
      ).toEqual(ended.map(({ ids }) => ids));
      for (const [rank, { score }] of ended.entries()) expect(same[rank]!.logProbability, text).toBeCloseTo(score, 3);
    }
  });

  test("gives with its cache what it gives without", async () => {
    const graphs = {
      encoder: await ort.InferenceSession.create(folder.encoderPath),
      decoder: await ort.InferenceSession.create(folder.decoderPath, { logSeverityLevel: 3 }),
    };
    const found = await searched(
      2,
      fixture.cases.map(({ text }) => text),
    );
    for (const [place, hypotheses] of found.entries()) {
      for (const { ids, logProbability } of hypotheses)
        expect(logProbability).toBeCloseTo(await withoutCache(graphs, fixture.cases[place]!.sourceIds, ids), 3);
    }
    await graphs.encoder.release();
    await graphs.decoder.release();
  });

  test("gives a row what it gives it alone, and the same from all candidates as from the best", async () => {
    const texts = fixture.cases.map(({ text }) => text);
    const together = await searched(2, texts);
    for (const [place, text] of texts.slice(0, 3).entries()) {
      const [alone] = await searched(2, [text]);
      expect(alone!.map(({ ids }) => ids)).toEqual(together[place]!.map(({ ids }) => ids));
    }
    // as many candidates as there are ids that may be written: sorted, they are all of them
    const every = await searched(2, texts, 1000);
    expect(every.map((list) => list.map(({ ids }) => ids))).toEqual(together.map((list) => list.map(({ ids }) => ids)));
  });

  test("is sampled, the same in every batch, and never writes what is forbidden", async () => {
    const { codec, open } = model();
    const settings = { temperature: 1.5, topK: 0, maxLengthRatio: 20 };
    const sources = fixture.cases.map(({ text }) => codec.encode(text));
    const draw = async (batchTokens: number) => {
      const sampler = new Sampler(await open("all", 1), settings);
      const randoms = (places: readonly number[]) => places.map((place) => new Random(1, place));
      const run = inBatches(sources, batchTokens, (batch, places) => sampler.sample(batch, randoms(places)));
      return (await run.finally(() => sampler.dispose())).map(({ ids }) => ids);
    };
    const drawn = await draw(1000);
    expect(await draw(1)).toEqual(drawn);
    expect(drawn.flat().filter((id) => folder.forbiddenIds.includes(id))).toEqual([]);
  });
});

describe("a folder", () => {
  test("may keep its graphs in onnx/, as published ones do", () => {
    const path = writeExported(join(dir, "published"), exportedFixture("marian"));
    mkdirSync(join(path, "onnx"));
    for (const name of ["encoder_model.onnx", "decoder_model_merged.onnx"])
      renameSync(join(path, name), join(path, "onnx", name));
    expect(openModelFolder(path).encoderPath).toBe(join(path, "onnx", "encoder_model.onnx"));
  });

  test("of an older export has its generation's fields in config.json", () => {
    const fixture = exportedFixture("marian");
    const known = openModelFolder(join(dir, "marian"));
    const config = Object.assign({}, fixture.files["config.json"], fixture.files["generation_config.json"]);
    const changes = { "config.json": config, "generation_config.json": undefined };
    const older = openModelFolder(writeExported(join(dir, "older"), fixture, changes));
    for (const field of ["startId", "endId", "padId", "maxLength", "forbiddenIds"] as const)
      expect(older[field]).toEqual(known[field]);
  });

  test("of a Marian never writes its padding", () => {
    const { forbiddenIds, padId, startId } = openModelFolder(join(dir, "marian"));
    expect(forbiddenIds).toEqual([padId]);
    expect(startId).toBe(padId);
  });
});
