import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadBundle, readTokenizer, writeManifest } from "./bundle.ts";
import type { BundleManifest } from "./manifest.ts";
import { readSignature, writeSignature } from "./read-write-signature.ts";
import { standInTokenizer, standInTokenizerJson } from "./stand-in-tokenizer.ts";
import { stepSignature } from "./step-signature.ts";

const student: Omit<BundleManifest, "files"> = {
  formatVersion: 1,
  name: "en-de",
  kind: "student",
  source: "en",
  target: "de",
  architecture: {
    type: "ctc-student",
    width: 64,
    heads: 4,
    feedForward: 128,
    encoderLayers: 2,
    decoderLayers: 1,
    vocabulary: standInTokenizer().vocabularySize,
    slotsPerToken: 2,
    parameters: 100_000,
  },
  specialIds: { pad: 0, bos: 1, eos: 2, unk: 3, blank: 4 },
  lags: { trained: [1, 3, "full"], default: 3 },
  limits: { maxSourceTokens: 160 },
  blankBias: 0.5,
  step: {
    sourceStateWidth: 256,
    slotStateWidth: 128,
    ...stepSignature({ width: 64, heads: 4, sourceStateWidth: 256, slotStateWidth: 128 }),
  },
  precision: "int8",
  recipeHash: "0123abcd",
  createdWith: "souffleur 0.1.0",
  quality: [{ test: "test", wait: 3, bleu: 30.1, chrf: 55.2, brevityPenalty: 0.98, averageLagging: 2.7 }],
  licence: "CC-BY-2.0",
  attributions: ["Sentences of a corpus, CC BY 2.0"],
};

const widths = { encoderStateWidth: 256, crossStateWidth: 128, targetStateWidth: 128 };

/** The same as an autoregressive student. */
function autoregressive(): Omit<BundleManifest, "files"> {
  const { step: _, blankBias: __, ...shared } = student;
  const { slotsPerToken: ___, ...architecture } = student.architecture;
  const readWrite = { ...widths, read: readSignature(widths), write: writeSignature(widths) };
  return { ...shared, architecture: { ...architecture, type: "autoregressive" }, readWrite };
}

let dir: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "souffleur-bundle-"));
  writeFileSync(join(dir, "tokenizer.json"), JSON.stringify(standInTokenizerJson()));
  writeFileSync(join(dir, "step.onnx"), "a graph");
  await writeManifest(dir, student);
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Changes bundle.json as text, as a careless hand would. */
function edit(change: (manifest: Record<string, unknown>) => void): void {
  const path = join(dir, "bundle.json");
  const manifest: Record<string, unknown> = JSON.parse(readFileSync(path, "utf8"));
  change(manifest);
  writeFileSync(path, JSON.stringify(manifest));
}

describe("a bundle", () => {
  it("loads as it was written", async () => {
    const bundle = await loadBundle(dir);
    expect(bundle.manifest).toMatchObject(student);
    expect(bundle.manifest.files.map(({ path, bytes }) => [path, bytes])).toEqual([
      ["tokenizer.json", statSync(join(dir, "tokenizer.json")).size],
      ["step.onnx", 7],
    ]);
    expect(bundle.stepPath).toBe(join(dir, "step.onnx"));
    expect(bundle.weightsPath).toBeUndefined();
    expect(bundle.tokenizer.decode(bundle.tokenizer.encode("the word"))).toBe("the word");
  });

  it("may be a teacher's, without a step", async () => {
    writeFileSync(join(dir, "weights.safetensors"), "weights");
    const { lags: _, step: __, blankBias: ___, ...shared } = student;
    const { slotsPerToken: ____, ...architecture } = student.architecture;
    const teacher = { ...shared, kind: "teacher" as const, quality: [] };
    await writeManifest(dir, { ...teacher, architecture: { ...architecture, type: "autoregressive" } });
    expect(await loadBundle(dir)).toMatchObject({ weightsPath: join(dir, "weights.safetensors") });
  });

  it("may be an autoregressive student's, with two graphs", async () => {
    rmSync(join(dir, "step.onnx"));
    await expect(writeManifest(dir, autoregressive())).rejects.toThrow(
      /files: an autoregressive student needs read\.onnx\n +files: an autoregressive student needs write\.onnx/,
    );
    for (const file of ["read.onnx", "write.onnx"]) writeFileSync(join(dir, file), "a graph");
    await writeManifest(dir, autoregressive());
    const bundle = await loadBundle(dir);
    expect(bundle).toMatchObject({ readPath: join(dir, "read.onnx"), writePath: join(dir, "write.onnx") });
    expect(bundle.stepPath).toBeUndefined();
    const { readWrite } = autoregressive();
    edit((manifest) => (manifest.step = student.step));
    await expect(loadBundle(dir)).rejects.toThrow(/step: an autoregressive student does not have this field/);
    edit((manifest) => {
      delete manifest.step;
      manifest.readWrite = { ...readWrite, targetStateWidth: 64 };
    });
    await expect(loadBundle(dir)).rejects.toThrow(
      /readWrite\.write: input "target_state" is float32\[B,Q,128\]; expected float32\[B,Q,64\]/,
    );
  });

  it("may write several languages, each by its tag", async () => {
    const target = ["de", "fr"];
    const quality = target.map((language) => ({ ...student.quality[0], target: language }));
    await writeManifest(dir, { ...student, target, tags: { target: { de: 13, fr: 14 } }, quality });
    const { manifest } = await loadBundle(dir);
    expect(manifest).toMatchObject({ target, tags: { target: { de: 13, fr: 14 } } });
    expect(manifest.quality.map((row) => row.target)).toEqual(target);
  });

  it("is refused when a file was changed, cut or lost", async () => {
    writeFileSync(join(dir, "step.onnx"), "A graph");
    await expect(loadBundle(dir)).rejects.toThrow(/step\.onnx has sha256 [0-9a-f]{64}; bundle\.json says [0-9a-f]{64}/);
    await expect(loadBundle(dir)).rejects.toMatchObject({ code: "hash" });
    writeFileSync(join(dir, "step.onnx"), "a gra");
    await expect(loadBundle(dir)).rejects.toMatchObject({
      code: "size",
      message: expect.stringMatching(/5 bytes.*says 7/),
    });
    rmSync(join(dir, "step.onnx"));
    await expect(loadBundle(dir)).rejects.toMatchObject({
      code: "missing",
      message: expect.stringMatching(/step\.onnx is missing/),
    });
    rmSync(join(dir, "bundle.json"));
    await expect(loadBundle(dir)).rejects.toMatchObject({
      code: "missing",
      message: expect.stringMatching(/bundle\.json/),
    });
  });

  it.each<[string, string, (manifest: Record<string, unknown>) => void, RegExp]>([
    ["a later format", "version", (m) => (m.formatVersion = 2), /formatVersion is 2; this build reads version 1/],
    ["no format version", "version", (m) => delete m.formatVersion, /formatVersion is missing/],
    ["a list of one target", "schema", (m) => (m.target = ["de"]), /target: a list of one/],
    ["a target twice", "schema", (m) => (m.target = ["de", "de"]), /target: a language is listed twice/],
    [
      "a target without its tag",
      "schema",
      (m) => (m.target = ["de", "fr"]),
      /tags\.target: every target needs its tag/,
    ],
    [
      "one tag for two targets",
      "schema",
      (m) => Object.assign(m, { target: ["de", "fr"], tags: { target: { de: 13, fr: 13 } } }),
      /tags\.target: two targets share a tag/,
    ],
    ["a tag that is none", "schema", (m) => (m.tags = { target: { de: 99 } }), /tags\.target\.de/],
    [
      "figures of no language",
      "schema",
      (m) => Object.assign(m, { target: ["de", "fr"], tags: { target: { de: 13, fr: 14 } } }),
      /quality\.0\.target: names the row's target/,
    ],
    ["an unknown field", "schema", (m) => (m.colour = "red"), /colour/],
    ["a wrong type", "schema", (m) => (m.architecture = { width: "big" }), /architecture\.width: .*number/],
    ["other special ids", "schema", (m) => (m.specialIds = { ...student.specialIds, blank: 9 }), /specialIds\.blank/],
    [
      "no λ",
      "schema",
      (m) => (m.architecture = { ...student.architecture, slotsPerToken: undefined }),
      /slotsPerToken: a CTC student needs/,
    ],
    ["no step", "schema", (m) => delete m.step, /step: a CTC student needs this field/],
    [
      "a file outside",
      "schema",
      (m) => (m.files = [{ path: "../step.onnx", bytes: 1, sha256: "0".repeat(64) }]),
      /files\.0\.path/,
    ],
    [
      "no graph",
      "schema",
      (m) => (m.files = (m.files as unknown[]).slice(0, 1)),
      /files: a CTC student needs step\.onnx/,
    ],
    [
      "heads that do not divide",
      "schema",
      (m) => (m.architecture = { ...student.architecture, heads: 5 }),
      /heads: must divide the width, 64/,
    ],
    [
      "another vocabulary",
      "tokenizer",
      (m) => (m.architecture = { ...student.architecture, vocabulary: 7 }),
      /has \d+ ids; bundle\.json says architecture\.vocabulary is 7/,
    ],
  ])("is refused with %s", async (_, code, change, message) => {
    edit(change);
    await expect(loadBundle(dir)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await expect(loadBundle(dir)).rejects.toThrow(join(dir));
  });

  it("is refused when a file is not JSON or no tokenizer, with the path", async () => {
    writeFileSync(join(dir, "bundle.json"), "{");
    await expect(loadBundle(dir)).rejects.toMatchObject({ code: "json" });
    const path = join(dir, "tokenizer.json");
    writeFileSync(path, "{}");
    expect(() => readTokenizer(path)).toThrow(`${path}: added_tokens: `);
    expect(() => readTokenizer(join(dir, "none.json"))).toThrow(/none\.json cannot be read/);
  });

  it("is not written when it would not load", async () => {
    rmSync(join(dir, "step.onnx"));
    const before = readFileSync(join(dir, "bundle.json"), "utf8");
    await expect(writeManifest(dir, student)).rejects.toThrow(/a CTC student needs step\.onnx/);
    expect(readFileSync(join(dir, "bundle.json"), "utf8")).toBe(before);
  });
});

it("is read in one place: nothing else here needs Node", () => {
  const files = readdirSync(import.meta.dirname).filter((name) => /(?<!\.test)\.ts$/.test(name));
  const needNode = files.filter((name) => readFileSync(join(import.meta.dirname, name), "utf8").includes('"node:'));
  expect(needNode).toEqual(["bundle.ts"]);
});
