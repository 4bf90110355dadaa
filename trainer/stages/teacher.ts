// A teacher as the later stages see it: a network of the corpus's vocabulary, or one with a vocabulary of its own.
import { type TextModel, transformerModel } from "../decoding/text-model.ts";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import { RecipeError } from "../recipe.ts";
import type { PreparedStage } from "./prepare-stage.ts";

interface AnyTeacher {
  readonly key: string;
  /** What it translates with. */
  readonly model: TextModel;
}

/** A network of this project over the corpus's vocabulary: its weights and distributions mean something to the student. */
export interface NetworkTeacher extends AnyTeacher {
  readonly type: "network";
  readonly architecture: Architecture;
  readonly weights: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** The folder of the bundle that it comes from, where it was not trained here. */
  readonly bundle?: string;
}

/** A teacher with a vocabulary of its own: only its translations, as text, mean something to the student. */
export interface ForeignTeacher extends AnyTeacher {
  readonly type: "foreign";
  /** Where it comes from. */
  readonly folder: string;
}

export type OneTeacher = NetworkTeacher | ForeignTeacher;

/** A teacher of its own for each of the recipe's targets; none of them knows tags. */
export interface TeachersByTarget {
  readonly type: "by-target";
  readonly key: string;
  readonly teachers: ReadonlyMap<string, OneTeacher>;
}

export type TeacherStage = OneTeacher | TeachersByTarget;

/** Who translates to a target, and the source ids that it is asked with. */
export interface AskedTeacher {
  readonly teacher: OneTeacher;
  readonly prefix: readonly number[];
}

/** The target's own teacher; or the only one, asked with the target's tag where there are several targets. */
export function teacherFor(teacher: TeacherStage, prepared: PreparedStage, target: string | undefined): AskedTeacher {
  if (teacher.type === "foreign") return { teacher, prefix: [] };
  const prefix = prepared.corpus.prefixOf(target);
  if (teacher.type === "network")
    return {
      teacher: { ...teacher, model: transformerModel({ ...teacher, prefix }, prepared.corpus.tokenizer) },
      prefix,
    };
  const own = target === undefined ? undefined : teacher.teachers.get(target);
  if (own === undefined) throw new RangeError(`there is no teacher for ${target}`);
  return { teacher: own, prefix: [] };
}

/**
 * The teacher for an objective that compares distributions or copies weights.
 * @throws RecipeError naming the field, where the teacher has another vocabulary than the student.
 */
export function networkTeacher(teacher: TeacherStage, field: string): NetworkTeacher {
  if (teacher.type === "network") return teacher;
  if (teacher.type === "by-target")
    throw new RecipeError(`${field} needs one teacher of all targets: train it here, without teacher.bundle`);
  throw new RecipeError(
    `${field} needs a teacher with the corpus's vocabulary, and ${teacher.folder} has its own: distil from it at sequence ` +
      "level (distill.method), or train a teacher here",
  );
}

export const networkOf = (
  prepared: PreparedStage,
  network: Omit<NetworkTeacher, "type" | "model">,
): NetworkTeacher => ({
  ...network,
  type: "network",
  model: transformerModel(network, prepared.corpus.tokenizer),
});
