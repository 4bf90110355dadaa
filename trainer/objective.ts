// What a student's loss is made of beside its targets' likelihood: a recipe's `student.objective`.
import { z } from "zod";

const weight = z.number().min(0);

export const objectiveSchema = z.strictObject({
  /** α·T²·KL(q_T ‖ p_T) + (1 − α)·(cross entropy or CTC). */
  wordLevel: z
    .strictObject({
      /** α; 0 turns it off. */
      weight: z.number().min(0).max(1).default(0),
      /** T. */
      temperature: z.number().positive().default(1),
      /** The teacher in the same step, or what distillation stored of its distributions (`distill.topK`). */
      source: z.enum(["online", "stored"]).default("online"),
      /** The pairs that it is for; the others have cross entropy or CTC alone. */
      pairs: z.enum(["all", "distilled", "raw"]).default("all"),
    })
    .prefault({}),
  /** What a pair's whole loss is multiplied by. */
  pairWeights: z.strictObject({ distilled: weight.default(1), raw: weight.default(1) }).prefault({}),
  /** + weight·(E_p[−log q] − entropy·H(p)), after the pairs' target prefixes or after the student's own. */
  mutualInformation: z
    .strictObject({
      weight: weight.default(0),
      entropy: weight.default(0),
      prefixes: z.enum(["given", "own"]).default("given"),
    })
    .prefault({}),
  /** Batches whose targets the student writes itself and the teacher labels, in place of the pairs' own. */
  onPolicy: z
    .strictObject({
      /** The share of such batches; 0 turns it off. */
      rate: z.number().min(0).max(1).default(0),
      /** Steps before the first one: what a student writes that knows nothing teaches nothing. */
      fromStep: z.int().nonnegative().default(0),
      decoding: z.enum(["sample", "greedy"]).default("sample"),
      /** Of the sampling. */
      temperature: z.number().positive().default(1),
      /** The teacher's whole distribution after each prefix, or its likeliest token. */
      labels: z.enum(["distribution", "token"]).default("distribution"),
    })
    .prefault({}),
});

export type Objective = z.output<typeof objectiveSchema>;

/** Whether the teacher is needed while the student is trained. */
export const needsTeacher = ({ wordLevel, mutualInformation, onPolicy }: Objective): boolean =>
  (wordLevel.weight > 0 && wordLevel.source === "online") || mutualInformation.weight > 0 || onPolicy.rate > 0;

/** For the stage's key: an objective of defaults leaves no trace. */
export function keyedObjective(objective: Objective): { readonly objective?: Objective } {
  return JSON.stringify(objective) === JSON.stringify(objectiveSchema.parse({})) ? {} : { objective };
}
