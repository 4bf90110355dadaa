import { expect, test } from "vitest";
import { parseRecipe } from "../recipe.ts";
import { modelCard } from "./model-card.ts";

const recipe = parseRecipe(
  `
name: toy
corpus: { source: en, target: de, train: [{ path: talk.tsv, weight: 2 }] }
teacher: { training: { steps: 300 } }
student: { training: { steps: 500, dropout: 0.2 }, waits: { maximum: 4 } }
export: { licence: CC0-1.0, attributions: [written here], notes: "Knows three words.\\n" }
`,
  "toy.yaml",
);
const architecture = {
  ...{ width: 16, heads: 2, feedForward: 32, encoderLayers: 3, decoderLayers: 1, vocabulary: 100, maxPositions: 64 },
};
const row = { test: "talk.test", bleu: 12.345, chrf: 40, brevityPenalty: 0.98765 };
const teacherQuality = [{ ...row, bleu: 20, wait: null, averageLagging: null }];
const facts = { recipe, corpora: recipe.corpus.train, teacherQuality, teachers: [], blankBias: 0.5, version: "1.2.3" };

test("a student's card", () => {
  const quality = [
    { ...row, wait: 3, averageLagging: 2.5 },
    { ...row, wait: "full" as const, averageLagging: 7 },
  ];
  const student = {
    name: "toy",
    quality,
    architecture: { ...architecture, slotsPerToken: 2 },
    kind: "ctc-student" as const,
  };
  expect(modelCard({ ...facts, ...student })).toMatchInlineSnapshot(`
    "# toy

    A non-autoregressive CTC student for simultaneous translation from \`en\` to \`de\`: one pass for each source word, append-only output, any lag from 1 token to the whole sentence. It learnt from the beam-search output of the teacher shipped beside it.

    ## Figures

    sacreBLEU's BLEU and chrF2 (13a, all references); AL is average lagging in source words; BP is the brevity penalty.

    | test | wait | BLEU | chrF2 | BP | AL |
    | --- | --- | --- | --- | --- | --- |
    | talk.test | 3 | 12.35 | 40.00 | 0.988 | 2.50 |
    | talk.test | full | 12.35 | 40.00 | 0.988 | 7.00 |

    The teacher, beam search:

    | test | wait | BLEU | chrF2 | BP | AL |
    | --- | --- | --- | --- | --- | --- |
    | talk.test | – | 20.00 | 40.00 | 0.988 | – |

    ## Model

    - width 16, feed-forward 32, 2 heads, 3 encoder and 1 decoder layers, vocabulary 100 (joint BPE)
    - 2 slots for each source token; 0.5 taken from the blank's logit (chosen on the validation sentences)
    - lags in training: 1 to 4 tokens and the whole sentence
    - trained for at most 500 steps of 2048 padded tokens, dropout 0.2, peak learning rate 0.0015
    - made by \`souffleur train\` of version 1.2.3 with the recipe \`toy\`

    ## Data

    - \`talk.tsv\`, 2 times an epoch

    Attribution:

    - written here

    ## Notes

    Knows three words.

    ## Licence

    CC0-1.0
    "
  `);
});

test("a teacher's card has no lags, and no teacher of its own", () => {
  const teacher = { name: "toy-teacher", quality: teacherQuality, architecture, kind: "teacher" as const };
  const card = modelCard({ ...facts, ...teacher });
  expect(card).toContain("# toy-teacher\n\nAn autoregressive Transformer for translation from `en` to `de`");
  expect(card).toContain("| talk.test | – | 20.00 | 40.00 | 0.988 | – |");
  expect(card).toContain("trained for at most 300 steps");
  expect(card).not.toMatch(/lags in training|slots|The teacher, beam search/);
});

test("an autoregressive student's card has its teacher's figures, and neither lags nor slots", () => {
  const student = { name: "toy", quality: teacherQuality, architecture, kind: "autoregressive-student" as const };
  const card = modelCard({ ...facts, ...student });
  expect(card).toContain(
    "An autoregressive Transformer for translation from `en` to `de`, of whole sentences. It learnt",
  );
  expect(card).toMatch(/The teacher, beam search[\s\S]*trained for at most 500 steps/);
  expect(card).not.toMatch(/lags in training|slots/);
});

test("a wait-k student's card has its lags, and no slots", () => {
  const quality = [{ ...row, wait: 3, averageLagging: 2.5 }];
  const card = modelCard({ ...facts, name: "toy", quality, architecture, kind: "wait-k-student" });
  expect(card).toContain("An autoregressive student for simultaneous translation from `en` to `de`: it writes a word");
  expect(card).toContain("| talk.test | 3 | 12.35 | 40.00 | 0.988 | 2.50 |");
  expect(card).toMatch(/- lags in training: 1 to \d+ tokens and the whole sentence/);
  expect(card).not.toMatch(/slots|blank's logit/);
});

test("a student of another recipe's teacher names it", () => {
  const student = {
    name: "toy",
    quality: [],
    architecture: { ...architecture, slotsPerToken: 2 },
    kind: "ctc-student" as const,
  };
  expect(modelCard({ ...facts, ...student, teachers: ["big-teacher"] })).toContain(
    "It learnt from the beam-search output of the teacher `big-teacher`.",
  );
  expect(modelCard({ ...facts, ...student, teachers: ["one", "two"] })).toContain("the teachers `one` and `two`.");
});

test("without attribution and notes there are no empty headings", () => {
  const bare = parseRecipe("name: a\ncorpus: { source: en, target: de, train: [{ path: a.tsv }] }\n", "a.yaml");
  const card = modelCard({ ...facts, recipe: bare, name: "a", quality: [], architecture, kind: "teacher" as const });
  expect(card).not.toMatch(/## Notes|Attribution/);
  expect(card).toMatch(/## Licence\n\nApache-2.0\n/);
});

test("noisy figures stand beside the clean ones", () => {
  const quality = [
    { ...row, wait: 3, averageLagging: 2.5, noisy: { bleu: 9.876, chrf: 35, brevityPenalty: 0.9 } },
    { ...row, wait: "full" as const, averageLagging: 7 },
  ];
  const student = { architecture: { ...architecture, slotsPerToken: 2 }, kind: "ctc-student" as const };
  const card = modelCard({ ...facts, name: "toy", quality, ...student });
  expect(card).toContain("| test | wait | BLEU | chrF2 | BP | AL | noisy BLEU | noisy chrF2 |");
  expect(card).toContain("| talk.test | 3 | 12.35 | 40.00 | 0.988 | 2.50 | 9.88 | 35.00 |");
  expect(card).toContain("| talk.test | full | 12.35 | 40.00 | 0.988 | 7.00 | – | – |");
});

test("a model of several languages has its figures by language", () => {
  const corpora = "train: [{ path: a.tsv, target: de }, { path: b.tsv, target: fr }]";
  const several = parseRecipe(`name: toy\ncorpus: { source: en, target: [de, fr], ${corpora} }\n`, "toy.yaml");
  const quality = ["de", "fr"].map((target) => ({ ...row, target, wait: 3, averageLagging: 2.5 }));
  const student = { architecture: { ...architecture, slotsPerToken: 2 }, kind: "ctc-student" as const };
  const card = modelCard({ ...facts, recipe: several, name: "toy", quality, ...student });
  expect(card).toContain("from `en` to `de`, `fr`: one pass");
  expect(card).toContain("| to | test | wait | BLEU | chrF2 | BP | AL |");
  expect(card).toContain("| fr | talk.test | 3 | 12.35 | 40.00 | 0.988 | 2.50 |");
});
