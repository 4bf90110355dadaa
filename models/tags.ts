// The tags that a bundle's model has learnt, and the source prefix that asks it for something with them.
import type { BundleManifest } from "./manifest.ts";

/** Forms of address that a translation can be asked for. */
export const FORMALITIES = ["formal", "informal"] as const;
export type Formality = (typeof FORMALITIES)[number];

/** What of a manifest says which languages its model writes, and how they are asked for. */
export type TaggedManifest = Pick<BundleManifest, "name" | "target" | "tags">;

/** What is asked of a translation. */
export interface AskedOf {
  /** The language to write; may be left out where the model writes one only. */
  target?: string;
  /** The form of address; may be left to the model. */
  formality?: Formality;
}

/** A language that a model does not write, or none where it writes several; the message lists those that it does. */
export class TargetError extends RangeError {
  override readonly name = "TargetError";
  /** Wrong use. */
  readonly exitCode = 2;
}

/** A form of address for a bundle whose model has not learnt them. */
export class FormalityError extends RangeError {
  override readonly name = "FormalityError";
  /** Wrong use. */
  readonly exitCode = 2;
}

/** The languages that a bundle's model writes, in the order of its manifest. */
export function targetsOf({ target }: Pick<BundleManifest, "target">): readonly string[] {
  return [target].flat();
}

/**
 * The language that is asked for, or the only one.
 * @throws TargetError where the model does not write it, or writes several and none is asked for.
 */
export function chosenTarget(manifest: TaggedManifest, target?: string): string {
  const targets = targetsOf(manifest);
  if (target === undefined && targets.length === 1) return targets[0];
  if (target !== undefined && targets.includes(target)) return target;
  const problem = target === undefined ? "choose one of them" : `not to ${target}`;
  throw new TargetError(`bundle "${manifest.name}" translates to ${targets.join(", ")}; ${problem} (target)`);
}

/**
 * The source ids that ask the model for this, to be put before each segment's own; the target's tag is the first.
 * @throws TargetError as {@link chosenTarget}; FormalityError for a form of address where the model has learnt none.
 */
export function sourcePrefix(manifest: TaggedManifest, asked: AskedOf): readonly number[] {
  const tag = manifest.tags?.target?.[chosenTarget(manifest, asked.target)];
  const prefix = tag === undefined ? [] : [tag];
  const { formality } = asked;
  if (formality === undefined) return prefix;
  const formalities = manifest.tags?.formality;
  if (formalities === undefined) {
    throw new FormalityError(`bundle "${manifest.name}" has not learnt forms of address: leave it out (formality)`);
  }
  return [...prefix, formalities[formality]];
}
