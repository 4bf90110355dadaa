// What a student is trained on: distilled and raw pairs, some with placeholders, some with a tag for the form of address.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { VALUE_KINDS } from "../../models/value-pattern.ts";
import { TARGET_TAG_IDS } from "../../models/vocabulary.ts";
import { type CarryingContext, translatedNames, withPlaceholders } from "../corpus/carrying/placeholder-parts.ts";
import type { TrainPart } from "../corpus/epoch-plan.ts";
import { withFormality } from "../corpus/formality/formality-parts.ts";
import type { Recipe } from "../recipe.ts";
import type { StageContext } from "./context.ts";
import type { DistilledStage } from "./distill-stage.ts";
import type { PreparedStage } from "./prepare-stage.ts";

const learntSchema = z.strictObject({
  formality: z.boolean().default(false),
  placeholders: z
    .strictObject({ kinds: z.array(z.enum([...VALUE_KINDS, "term"])), translated: z.array(z.string()) })
    .optional(),
});

/** What a student learnt beside translating, as its bundle will say. */
export type Learnt = z.output<typeof learntSchema>;

const LEARNT = "learnt.json";

/** What the student in a stage's folder learnt. */
export function readLearnt(folder: string): Learnt {
  const file = join(folder, LEARNT);
  return learntSchema.parse(existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {});
}

/** For the stage's key: what is off leaves no trace. */
export function keyedCarrying({ placeholders, formality }: Recipe["student"]) {
  return { ...(placeholders.share > 0 && { placeholders }), ...(formality.share > 0 && { formality }) };
}

/**
 * The distilled corpora, the ones that were not distilled as they are, and the raw pairs again where the recipe says so;
 * shares of them with placeholders and tags. What is learnt by these is kept in the folder.
 */
export async function studentParts(
  { recipe, say }: StageContext,
  prepared: PreparedStage,
  distilled: DistilledStage,
  folder: string,
): Promise<TrainPart[]> {
  const { rawWeight, placeholders, formality } = recipe.student;
  const raw = await prepared.corpus.trainParts();
  const parts = joined(raw, distilled, rawWeight);
  if (placeholders.share + formality.share === 0) return parts;
  const targets = [recipe.corpus.target].flat();
  const context: CarryingContext = {
    seed: recipe.corpus.seed,
    source: recipe.corpus.source,
    targetOf: ({ prefix = [] }) => targets[Math.max(0, TARGET_TAG_IDS.indexOf(prefix[0] ?? -1))]!,
    tokenizer: prepared.corpus.tokenizer,
  };
  const carrying = withPlaceholders(parts, placeholders, context);
  const tagged = withFormality(carrying.parts, formality, context);
  writeFileSync(join(folder, LEARNT), JSON.stringify(learnt(recipe.student, raw, context)));
  if (placeholders.share > 0)
    say(`student: ${carrying.values} pairs with placeholders for values, ${carrying.terms} for words`);
  if (formality.share > 0) say(`student: ${tagged.formal} pairs tagged as formal, ${tagged.informal} as informal`);
  return tagged.parts;
}

function learnt({ placeholders, formality }: Recipe["student"], raw: readonly TrainPart[], context: CarryingContext) {
  const { share, terms } = placeholders;
  const kinds = [...(terms < 1 ? VALUE_KINDS : []), ...(terms > 0 ? (["term"] as const) : [])];
  const translated = kinds.includes("name") ? translatedNames(raw, context) : [];
  const made: Learnt = {
    formality: formality.share > 0,
    ...(share > 0 && { placeholders: { kinds, translated } }),
  };
  return made;
}

function joined(raw: readonly TrainPart[], distilled: DistilledStage, rawWeight: number): TrainPart[] {
  const names = new Set(distilled.parts.map(({ shard }) => shard.name));
  const undistilled = raw.filter(({ shard }) => !names.has(shard.name));
  const again = raw
    .filter(({ shard }) => names.has(shard.name))
    .map((part) => ({ ...part, weight: part.weight * rawWeight }));
  const translated = distilled.parts.map((part): TrainPart => ({ ...part, origin: "distilled" }));
  return [...translated, ...undistilled, ...(rawWeight > 0 ? again : [])];
}
