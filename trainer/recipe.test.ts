import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadRecipe, parseRecipe, RecipeError } from "./recipe.ts";

const BARE = `name: small
corpus:
  source: en
  target: de
  train:
    - path: talk.tsv
`;

/** What is said of a recipe, `BARE` with some lines more. */
function complaint(more: string, start = BARE): string {
  try {
    parseRecipe(start + more, "small.yaml");
  } catch (error) {
    if (error instanceof RecipeError) return error.message;
    throw error;
  }
  return "nothing";
}

describe("a recipe", () => {
  test("needs a name, two languages and a corpus; the rest has defaults", () => {
    const { teacher, student, distill, corpus } = parseRecipe(BARE, "small.yaml");
    expect(corpus.train).toEqual([{ path: "talk.tsv", weight: 1, join: 0 }]);
    expect(teacher.training.labelSmoothing).toBe(0.1);
    expect(student.training.labelSmoothing).toBe(0);
    expect(student.architecture).toEqual(teacher.architecture);
    expect(distill.corpora).toBeUndefined();
  });

  test("says with line and field what does not fit", () => {
    expect(complaint("student:\n  slotsPerToken: 0\n")).toBe(
      "small.yaml:8: student.slotsPerToken: Too small: expected number to be >0",
    );
    expect(complaint("evaluate: { waits: [1, none] }\n")).toMatch(/^small\.yaml:7: evaluate\.waits\.1: /);
    expect(complaint("", BARE.replace("small", "Small One"))).toBe(
      "small.yaml:1: name: lower case letters, digits, dots, dashes",
    );
    expect(complaint("", BARE.replace("  source: en\n", ""))).toMatch(/^small\.yaml:3: corpus\.source: /);
  });

  test("has the languages of a bundle, long before there is one", () => {
    const expected = 'expected a language tag such as "en"';
    expect(complaint("", BARE.replace("en\n", "English\n"))).toBe(`small.yaml:3: corpus.source: ${expected}`);
    expect(complaint("", BARE.replace("de\n", "de_AT\n"))).toBe(`small.yaml:4: corpus.target: ${expected}`);
    expect(complaint("", BARE.replace("de\n", "de-AT\n"))).toBe("nothing");
  });

  test("says all of it at once", () => {
    const lines = complaint("threads: none\ndistill:\n  beam: 1.5\n").split("\n");
    expect(lines.map((line) => line.split(": ").slice(0, 2).join(": "))).toEqual([
      "small.yaml:7: threads",
      "small.yaml:9: distill.beam",
    ]);
  });

  test("has no unknown fields, at any depth, and says which were meant", () => {
    expect(complaint("speed: 3\n")).toBe("small.yaml:7: speed: there is no such field");
    const none = "there is no such field; did you mean";
    expect(complaint("teacher:\n  training:\n    steps: 5\n    dropuot: 0.1\n")).toBe(
      `small.yaml:10: teacher.training.dropuot: ${none} dropout?`,
    );
    expect(complaint("      wieght: 2\n")).toBe(`small.yaml:7: corpus.train.0.wieght: ${none} weight?`);
    expect(complaint("  tokeniser: { size: 400 }\n")).toBe(`small.yaml:7: corpus.tokeniser: ${none} tokenizer?`);
    expect(complaint("teacher: { peakRate: 1e-3 }\n"), "one level too high").toBe(
      `small.yaml:7: teacher.peakRate: ${none} teacher.training.peakRate?`,
    );
    expect(complaint("blankBias: [0]\nStudent: {}\n").split("\n")).toEqual([
      `small.yaml:7: blankBias: ${none} export.blankBias?`,
      `small.yaml:8: Student: ${none} student?`,
    ]);
  });

  test("may share settings by anchors, aliases and merge keys; what is wrong in them is said where they are used", () => {
    const shared =
      "teacher:\n  training: &plan { steps: 7, dropout: 0.2 }\nstudent:\n  training: { <<: *plan, steps: 9 }\n";
    const { teacher, student } = parseRecipe(BARE + shared, "small.yaml");
    expect([teacher.training.steps, student.training.steps, student.training.dropout]).toEqual([7, 9, 0.2]);
    expect(complaint("teacher:\n  training: &plan { steps: none }\nstudent:\n  training: *plan\n").split("\n")).toEqual(
      [
        expect.stringMatching(/^small\.yaml:8: teacher\.training\.steps: .*expected number/),
        expect.stringMatching(/^small\.yaml:10: student\.training\.steps: .*expected number/),
      ],
    );
    expect(complaint("teacher: *nowhere\n")).toMatch(/^small\.yaml(:7)?: .*nowhere/);
    const bomb = [
      "a: &a [x, x, x, x, x, x, x, x, x, x]",
      ..."bcdefg".split("").map((name, at) => `${name}: &${name} [${Array(10).fill(`*${"abcdef"[at]}`).join(", ")}]`),
    ];
    expect(complaint(`${bomb.join("\n")}\n`)).toMatch(/Excessive alias count/);
  });

  test.each([
    ["threads: [1]\n", "threads", "expected number, received array"],
    ["threads: '1'\n", "threads", "expected number, received string"],
    ["teacher: none\n", "teacher", "expected object, received string"],
    ["student:\n  waits: 3\n", "student.waits", "expected object, received number"],
    ["student: { initFromTeacher: 1 }\n", "student.initFromTeacher", "expected boolean, received number"],
    ["export: { precision: fp16 }\n", "export.precision", 'expected one of "fp32"|"int8"'],
    ["distill: { corpora: talk }\n", "distill.corpora", "expected array, received string"],
    ["teacher: null\n", "teacher", "expected object, received null"],
    ["      format: xliff\n", "corpus.train.0.format", 'expected one of "tsv"|"moses"|"tmx"|"xml"'],
    ["      origin: copied\n", "corpus.train.0.origin", "back-translation"],
    ["  cleaning: { minimumLetterShare: 2 }\n", "corpus.cleaning.minimumLetterShare", "expected number to be <=1"],
  ])("refuses %j by its type", (lines, field, expected) => {
    const said = complaint(lines);
    expect(said).toMatch(/^small\.yaml:[78]: /);
    expect(said).toContain(`: ${field}: `);
    expect(said).toContain(expected);
  });

  test("is refused where fields do not fit each other", () => {
    expect(complaint("teacher:\n  architecture: { width: 100, heads: 3 }\n")).toBe(
      "small.yaml:8: teacher.architecture.heads: must divide the width",
    );
    expect(complaint("student:\n  architecture: { maxPositions: 32 }\n  training:\n    maximumTokens: 33\n")).toBe(
      "small.yaml:10: student.training.maximumTokens: longer than student.architecture.maxPositions, 32",
    );
    expect(complaint("student:\n  architecture: { maxPositions: 32 }\n"), "a default that does not fit").toBe(
      "small.yaml:8: student.training.maximumTokens: longer than student.architecture.maxPositions, 32",
    );
    expect(complaint("student:\n  type: autoregressive\n  glancing: { start: 0.5 }\n")).toMatch(
      /^small\.yaml:9: student\.glancing: only a CTC student has slots/,
    );
    expect(complaint("student:\n  type: autoregressive\n  fineTune: { steps: 9 }\n")).toMatch(
      /^small\.yaml:9: student\.fineTune\.steps: only a CTC student is fine-tuned/,
    );
    expect(complaint("student:\n  type: wait-k\n  glancing: { start: 0.5 }\n  fineTune: { steps: 9 }\n")).toMatch(
      /fineTune\.steps: only a CTC .*\n.*glancing: only a CTC/,
    );
    expect(complaint("student:\n  type: wait-k\n  objective: { onPolicy: { rate: 0.5 } }\n")).toMatch(
      /student\.objective\.onPolicy: it writes whole sentences, as a wait-k student does not/,
    );
    expect(complaint("student:\n  fineTune: { bigram: 0 }\n")).toMatch(
      /^small\.yaml:8: student\.fineTune: ctc, unigram or bigram must be above 0/,
    );
    const objective = (lines: string) => complaint(`student:\n  ${lines}\n`);
    expect(objective("objective: { onPolicy: { rate: 0.5 } }")).toMatch(
      /^small\.yaml:8: student\.objective\.onPolicy: a CTC student does not read what it wrote/,
    );
    expect(objective("objective: { mutualInformation: { weight: 1, prefixes: own } }")).toMatch(
      /student\.objective\.mutualInformation\.prefixes: .*set student\.objective\.onPolicy\.rate/,
    );
    expect(objective("objective: { wordLevel: { weight: 1, source: stored } }")).toMatch(/set distill\.topK/);
    expect(
      objective("training: { bpeDropout: { target: 0.1 } }\n  objective: { wordLevel: { weight: 1, source: stored } }"),
    ).toMatch(/set student\.training\.bpeDropout\.target to 0/);
    expect(objective("type: wait-k\n  placeholders: { share: 0.1 }")).toMatch(
      /^small\.yaml:9: student\.placeholders\.share: only a CTC student writes placeholders/,
    );
    expect(objective("formality: { share: 0.1 }\n  objective: { wordLevel: { weight: 1 } }")).toMatch(
      /student\.formality\.share: with student\.objective, the teacher is asked about every pair/,
    );
    expect(objective("objective: { wordLevel: { weight: 1, pairs: raw } }")).toMatch(/set student\.rawWeight/);
  });

  test("names one teacher", () => {
    expect(complaint("teacher: { bundle: a, huggingFace: { folder: b } }\n")).toBe(
      "small.yaml:7: teacher.huggingFace: teacher.bundle names a teacher already: leave one of the two out",
    );
  });

  test("has as many hypotheses as its method of distillation gives", () => {
    const distill = (fields: string) => complaint(`distill: { ${fields} }\n`);
    const at = "small.yaml:7: distill.hypotheses: ";
    expect(distill("hypotheses: 2")).toBe(
      `${at}method beam gives each sentence one target; nbest and sample give several`,
    );
    expect(distill("method: seq-inter, hypotheses: 2")).toContain(`${at}method seq-inter gives`);
    expect(distill("method: nbest, beam: 4, hypotheses: 5")).toBe(`${at}more than distill.beam, 4, finds`);
    expect(parseRecipe(`${BARE}distill: { method: sample, beam: 1, hypotheses: 5 }\n`, "").distill.hypotheses).toBe(5);
  });

  test("that is no YAML is refused with the line", () => {
    expect(complaint("teacher: [\n")).toMatch(/^small\.yaml:\d+: /);
    expect(complaint("threads: 1\n---\nthreads: 2\n")).toMatch(/^small\.yaml:\d+: .*multiple documents/);
    expect(complaint("threads: 1\nthreads: 2\n")).toMatch(/^small\.yaml:8: Map keys must be unique/);
    expect(complaint("name: twice\n")).toMatch(/^small\.yaml:7: Map keys must be unique/);
    expect(complaint("", "")).toMatch(/^small\.yaml:1: \(whole\): /);
  });

  test("that cannot be read is refused with its path, as wrong use", () => {
    expect(() => loadRecipe("/nowhere/at-all.yaml")).toThrow(/^\/nowhere\/at-all\.yaml: cannot be read \(ENOENT/);
    expect(new RecipeError("").exitCode).toBe(2);
  });

  test.each(readdirSync(join(import.meta.dirname, "recipes")).filter((name) => name.endsWith(".yaml")))(
    "%s of the package fits",
    (name) => {
      expect(`${loadRecipe(join(import.meta.dirname, "recipes", name)).name}.yaml`).toBe(name);
    },
  );
});

describe("several targets", () => {
  const recipe = (lines: string) => `name: a\ncorpus:\n  source: en\n  target: [de, fr]\n${lines}`;
  const TRAIN = "  train: [{ path: a.tsv, target: de }, { path: b.tsv, target: fr }]\n";

  test("may be named for corpora and held-out sets", () => {
    const { corpus } = parseRecipe(recipe(`${TRAIN}  valid: [{ path: c.tsv, target: fr }]\n`), "a.yaml");
    expect(corpus.target).toEqual(["de", "fr"]);
    expect(corpus.valid).toEqual([{ path: "c.tsv", target: "fr" }]);
  });

  test.each([
    ["  train: [{ path: a.tsv, target: de }]\n", "a.yaml:5: corpus.train: no corpus has the target fr"],
    [`${TRAIN}  test: [c.tsv]\n`, "a.yaml:6: corpus.test.0.target: say which target it is of; corpus.target is de, fr"],
    [
      `${TRAIN}  valid: [{ path: c.tsv, target: it }]\n`,
      "a.yaml:6: corpus.valid.0.target: it is none of this recipe; corpus.target is de, fr",
    ],
    [`${TRAIN}  targetTemperature: 0.5\n`, "a.yaml:6: corpus.targetTemperature: "],
  ])("are refused where they do not fit: %s", (lines, message) => {
    expect(() => parseRecipe(recipe(lines), "a.yaml")).toThrow(message);
  });

  test("have no temperature where there is one", () => {
    const single = "name: a\ncorpus: { source: en, target: de, train: [{ path: a.tsv }], targetTemperature: 2 }\n";
    expect(() => parseRecipe(single, "a.yaml")).toThrow("there is one target only: remove it");
  });
});
