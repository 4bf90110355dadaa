// Folders that cannot be used: each says which file, which field, and what to do.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Graph } from "../../graph/graph.ts";
import { serializeModel } from "../../graph/onnx.ts";
import { type ExportedFixture, exportedFixture, writeExported } from "./exported-fixtures.testing.ts";
import { exportedModel } from "./exported-model.ts";
import { HuggingFaceError } from "./hugging-face-error.ts";
import { languageIds } from "./languages.ts";
import { openModelFolder } from "./model-folder.ts";

const dir = mkdtempSync(join(tmpdir(), "souffleur-folder-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const marian = exportedFixture("marian");
let written = 0;

function write(
  changes: Readonly<Record<string, string | object | undefined>>,
  fixture: ExportedFixture = marian,
): string {
  written += 1;
  return writeExported(join(dir, String(written)), fixture, changes);
}

/** What is said of the folder, its own path as FOLDER. */
function complaint(changes: Readonly<Record<string, string | object | undefined>>, fixture?: ExportedFixture): string {
  const path = write(changes, fixture);
  try {
    openModelFolder(path);
  } catch (error) {
    if (error instanceof HuggingFaceError) return error.message.replaceAll(path, "FOLDER");
    throw error;
  }
  return "nothing";
}

const changed = (file: string, fields: object) => ({ [file]: { ...Object(marian.files[file]), ...fields } });

describe("a folder is refused", () => {
  test.each(["config.json", "tokenizer.json"])("without %s", (file) => {
    expect(complaint({ [file]: undefined })).toBe(`FOLDER/${file} is missing`);
    expect(complaint({ [file]: "{" })).toMatch(`FOLDER/${file} is no JSON`);
  });

  test.each(["encoder_model.onnx", "decoder_model_merged.onnx"])(
    "without %s, with the command that makes it",
    (file) => {
      expect(complaint({ [file]: undefined })).toBe(
        `FOLDER/${file} is missing (also in onnx/); it is made by: optimum-cli export onnx --model MODEL ` +
          "--task text2text-generation-with-past FOLDER",
      );
    },
  );

  test("that is not there", () => {
    expect(() => openModelFolder(join(dir, "nowhere"))).toThrow(`${join(dir, "nowhere")} does not exist`);
  });

  test("of another type of model", () => {
    expect(complaint(changed("config.json", { model_type: "t5" }))).toBe(
      "FOLDER/config.json: model_type is t5; known ones are marian, m2m_100, mbart",
    );
    expect(complaint({ "config.json": {} })).toContain("FOLDER/config.json: has no model_type");
    expect(complaint(changed("config.json", { decoder_layers: "two" }))).toContain("decoder_layers");
  });

  test("without the ids that it is run with", () => {
    const without = (field: string) => {
      const files = ["config.json", "generation_config.json"].map((file) => changed(file, { [field]: undefined }));
      return complaint(Object.assign({}, ...files));
    };
    for (const field of ["decoder_start_token_id", "eos_token_id", "pad_token_id"])
      expect(without(field)).toBe(`FOLDER: neither generation_config.json nor config.json has ${field}`);
    expect(complaint(changed("generation_config.json", { eos_token_id: [0, 5] }))).toContain(
      "eos_token_id has several",
    );
    expect(complaint(changed("generation_config.json", { bad_words_ids: [[3], [4, 5]] }))).toBe(
      "FOLDER/generation_config.json: bad_words_ids has [4, 5]; only single tokens can be forbidden: take it out",
    );
  });

  test("with a tokenizer that cannot be read", () => {
    expect(complaint({ "tokenizer.json": { model: { type: "Mystery" } } })).toMatch(/^FOLDER\/tokenizer\.json: /);
  });
});

describe("a graph is refused", () => {
  const open = async (name: string, bytes: Uint8Array | string) => {
    const path = write({});
    writeFileSync(join(path, name), bytes);
    const model = exportedModel(openModelFolder(path), { source: "en", target: "de" });
    return model.open(2, 1).then(
      () => "nothing",
      (error: unknown) => {
        if (error instanceof HuggingFaceError) return error.message.replaceAll(path, "FOLDER");
        throw error;
      },
    );
  };

  test("that is none", async () => {
    expect(await open("encoder_model.onnx", "no graph")).toMatch(/^FOLDER\/encoder_model\.onnx: /);
  });

  test("without an input of the layout, which is named", async () => {
    const graph = new Graph();
    const ids = graph.input("input_ids", "int64", ["B", "S"]);
    expect(await open("encoder_model.onnx", serializeModel(graph, { last_hidden_state: ids }))).toContain(
      "FOLDER/encoder_model.onnx has no input attention_mask: export it with --task text2text-generation-with-past",
    );
    const decoder = new Graph();
    const tokens = decoder.input("input_ids", "int64", ["B", "T"]);
    const states = decoder.input("encoder_hidden_states", "float32", ["B", "S", 16]);
    decoder.input("encoder_attention_mask", "int64", ["B", "S"]);
    const model = serializeModel(decoder, { logits: states, tokens });
    expect(await open("decoder_model_merged.onnx", model)).toContain(
      "FOLDER/decoder_model_merged.onnx has no input use_cache_branch, no input past_key_values.0.decoder.key",
    );
  });

  test("with an input that the layout does not have", async () => {
    const graph = new Graph();
    const ids = graph.input("input_ids", "int64", ["B", "S"]);
    graph.input("attention_mask", "int64", ["B", "S"]);
    graph.input("position_ids", "int64", ["B", "S"]);
    expect(await open("encoder_model.onnx", serializeModel(graph, { last_hidden_state: ids }))).toContain(
      "has an input position_ids",
    );
  });
});

describe("languages", () => {
  const of = (fixture: ExportedFixture, source: string, target: string, changes = {}) => {
    const folder = openModelFolder(write(changes, fixture));
    const id = (token: string) => folder.tokenizer.token_to_id(token);
    return { id, path: folder.path, ids: () => languageIds(folder, { source, target }) };
  };

  test("of M2M-100 and mBART-50 are found by the corpus's tags", () => {
    const m2m = of(exportedFixture("m2m100"), "en", "de");
    expect(m2m.ids()).toEqual({ sourcePrefix: [m2m.id("__en__")], sourceSuffix: [2], forcedFirst: m2m.id("__de__") });
    const mbart = of(exportedFixture("mbart50"), "en", "de");
    expect(mbart.ids()).toEqual({
      sourcePrefix: [mbart.id("en_XX")],
      sourceSuffix: [2],
      forcedFirst: mbart.id("de_DE"),
    });
    const named = of(exportedFixture("m2m100"), "__de__", "__en__");
    expect(named.ids()).toMatchObject({ sourcePrefix: [named.id("__de__")], forcedFirst: named.id("__en__") });
  });

  test("of NLLB have to be named; the source's stands behind the text where the tokenizer is from before 2023", () => {
    const { ids, path } = of(exportedFixture("nllb"), "en", "de");
    expect(ids).toThrow(
      `${path}: this NLLB has no source language en: set sourceLanguage to one of deu_Latn, eng_Latn`,
    );
    const fixture = exportedFixture("nllb");
    const legacy = { "tokenizer_config.json": { tokenizer_class: "NllbTokenizer", legacy_behaviour: true } };
    const older = of(fixture, "eng_Latn", "deu_Latn", legacy);
    expect(older.ids()).toEqual({
      sourcePrefix: [],
      sourceSuffix: [2, older.id("eng_Latn")],
      forcedFirst: older.id("deu_Latn"),
    });
  });

  test("of a Marian with several targets stand before the text", () => {
    const tokenizer = JSON.stringify(marian.files["tokenizer.json"]);
    const many = tokenizer.replaceAll('"er"', '">>deu<<"').replaceAll('"en"', '">>nld<<"');
    const { id, ids } = of(marian, "en", "deu", { "tokenizer.json": many });
    expect(ids()).toEqual({ sourcePrefix: [id(">>deu<<")], sourceSuffix: [0], forcedFirst: undefined });
    expect(of(marian, "en", "de", { "tokenizer.json": many }).ids).toThrow(
      "this Marian has no target language de: set targetLanguage to one of deu, nld",
    );
    expect(of(marian, "en", "de").ids(), "one pair needs none").toMatchObject({ sourcePrefix: [] });
  });

  test("of mBART-25, and of a model without any, are refused", () => {
    const mbart = exportedFixture("mbart50");
    expect(of(mbart, "en", "de", { "tokenizer_config.json": { tokenizer_class: "MBartTokenizer" } }).ids).toThrow(
      "this is mBART-25, which frames its sentences in another way; of mBART only mBART-50 is known",
    );
    const m2m = exportedFixture("m2m100");
    const none = JSON.stringify(m2m.files["tokenizer.json"]).replaceAll("__en__", "x1").replaceAll("__de__", "x2");
    expect(of(m2m, "en", "de", { "tokenizer.json": none }).ids).toThrow("tokenizer.json has no language tokens");
  });
});
