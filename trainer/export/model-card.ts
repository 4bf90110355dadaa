// The model card that travels with a bundle: what it is, what it was made from, how good it is.
import type { BundleManifest } from "../../models/manifest.ts";
import type { Architecture } from "../networks/transformer.ts";
import type { Recipe } from "../recipe.ts";

export type ModelKind = "teacher" | "ctc-student" | "autoregressive-student" | "wait-k-student";

export interface ModelCardFacts {
  readonly name: string;
  readonly kind: ModelKind;
  readonly recipe: Recipe;
  readonly corpora: readonly { path: string; weight: number }[];
  readonly quality: BundleManifest["quality"];
  readonly teacherQuality: BundleManifest["quality"];
  readonly architecture: Architecture & { readonly slotsPerToken?: number };
  readonly blankBias: number;
  /** The folders of the teachers that it learnt from; the one shipped beside it where there is none. */
  readonly teachers: readonly string[];
  readonly version: string;
}

const LESSONS: Record<Recipe["distill"]["method"], string> = {
  beam: "the beam-search output",
  nbest: "the n-best translations",
  sample: "samples",
  "seq-inter": "the beam-search output nearest to the references",
};

/** Markdown. */
export function modelCard(facts: ModelCardFacts): string {
  const { recipe, architecture, kind } = facts;
  const { source } = recipe.corpus;
  const target = [recipe.corpus.target].flat().join("`, `");
  const student = kind !== "teacher";
  const pair = `from \`${source}\` to \`${target}\``;
  const lesson = `It learnt from ${LESSONS[recipe.distill.method]} of ${teachersOf(facts.teachers)}`;
  const what: Record<ModelKind, string> = {
    "ctc-student": `A non-autoregressive CTC student for simultaneous translation ${pair}: one pass for each source word, append-only output, any lag from 1 token to the whole sentence. ${lesson}.`,
    "autoregressive-student": `An autoregressive Transformer for translation ${pair}, of whole sentences. ${lesson}: a baseline to compare with, and weights to train on from.`,
    "wait-k-student": `An autoregressive student for simultaneous translation ${pair}: it writes a word at a time while it reads, any lag from 1 token to the whole sentence (multi-path wait-k), append-only. ${lesson}: a baseline that a non-autoregressive student can be compared with, served by the same code.`,
    teacher: `An autoregressive Transformer for translation ${pair}: the teacher of the student shipped beside it, a baseline to compare with, and weights to train on from.`,
  };
  const training = student ? recipe.student.training : recipe.teacher.training;
  const parts = [
    `# ${facts.name}`,
    what[kind],
    "## Figures",
    "sacreBLEU's BLEU and chrF2 (13a, all references); AL is average lagging in source words; BP is the brevity penalty.",
    ...(facts.quality.some((row) => row.noisy)
      ? ["Noisy: the same sentences as a recogniser or a hasty typist writes them (`souffleur noise`)."]
      : []),
    qualityTable(facts.quality),
    ...(student ? ["The teacher, beam search:", qualityTable(facts.teacherQuality)] : []),
    "## Model",
    bullets([
      `width ${architecture.width}, feed-forward ${architecture.feedForward}, ${architecture.heads} heads, ${architecture.encoderLayers} encoder and ${architecture.decoderLayers} decoder layers, vocabulary ${architecture.vocabulary} (joint BPE)`,
      ...(kind === "ctc-student"
        ? [
            `${architecture.slotsPerToken} slots for each source token; ${facts.blankBias} taken from the blank's logit (chosen on the validation sentences)`,
          ]
        : []),
      ...(kind === "ctc-student" || kind === "wait-k-student"
        ? [`lags in training: 1 to ${recipe.student.waits.maximum} tokens and the whole sentence`]
        : []),
      `trained for at most ${training.steps} steps of ${training.batchTokens} padded tokens, dropout ${training.dropout}, peak learning rate ${training.peakRate}`,
      `made by \`souffleur train\` of version ${facts.version} with the recipe \`${recipe.name}\``,
    ]),
    "## Data",
    bullets(facts.corpora.map(({ path, weight }) => `\`${path}\`, ${weight} times an epoch`)),
    ...(recipe.export.attributions.length > 0 ? ["Attribution:", bullets(recipe.export.attributions)] : []),
    ...(recipe.export.notes ? ["## Notes", recipe.export.notes.trim()] : []),
    "## Licence",
    recipe.export.licence,
  ];
  return `${parts.join("\n\n")}\n`;
}

function teachersOf(folders: readonly string[]): string {
  const named = folders.map((folder) => `\`${folder}\``).join(" and ");
  return named === "" ? "the teacher shipped beside it" : `the teacher${folders.length > 1 ? "s" : ""} ${named}`;
}

const bullets = (items: readonly string[]): string => items.map((item) => `- ${item}`).join("\n");

function qualityTable(quality: BundleManifest["quality"]): string {
  const noisy = quality.some((row) => row.noisy !== undefined);
  const several = quality.some((row) => row.target !== undefined);
  const rows = quality.map((row) => [
    ...(several ? [row.target ?? "–"] : []),
    row.test,
    row.wait ?? "–",
    row.bleu.toFixed(2),
    row.chrf.toFixed(2),
    row.brevityPenalty.toFixed(3),
    row.averageLagging?.toFixed(2) ?? "–",
    ...(noisy ? [row.noisy?.bleu.toFixed(2) ?? "–", row.noisy?.chrf.toFixed(2) ?? "–"] : []),
  ]);
  const headers = [
    ...(several ? ["to"] : []),
    "test",
    "wait",
    "BLEU",
    "chrF2",
    "BP",
    "AL",
    ...(noisy ? ["noisy BLEU", "noisy chrF2"] : []),
  ];
  return [headers, headers.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
