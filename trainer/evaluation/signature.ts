// What sacreBLEU's two scores here share: the release followed, the reference count and the check of the arguments.

/** The sacreBLEU release whose results these scores reproduce; it stands in the signatures. */
export const SACREBLEU_VERSION = "2.6.0";

/** The `nrefs` of a signature: the number of references of every segment, or `var` where it differs. */
export function referenceCount(references: readonly (readonly string[])[]): string {
  const counts = new Set(references.map((segment) => segment.length));
  return counts.size === 1 ? String([...counts][0]) : "var";
}

/**
 * Checks what a corpus score is asked for.
 *
 * @throws RangeError when there is nothing to score, when the two lists differ in length, or when a segment has no reference.
 */
export function checkScoreArguments(hypotheses: readonly string[], references: readonly (readonly string[])[]): void {
  if (hypotheses.length === 0) throw new RangeError("nothing to score: no hypotheses");
  if (hypotheses.length !== references.length) {
    throw new RangeError(`${hypotheses.length} hypotheses, but references for ${references.length} segments`);
  }
  const bare = references.findIndex((segment) => segment.length === 0);
  if (bare !== -1) throw new RangeError(`segment ${bare + 1} has no reference`);
}
