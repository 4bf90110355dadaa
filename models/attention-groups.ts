// How a step graph keeps the heads of an attention together: what its state's rows look like.

/** Heads that share one matrix product. */
export interface AttentionGroups {
  /** G. */
  groups: number;
  /** g: heads of a group. */
  headsPerGroup: number;
  /** Floats of a group: a row of the state's memory. */
  groupWidth: number;
}

/**
 * Up to this many terms are added in one order whatever the matrices' other sizes: onnxruntime's products cut longer sums
 * into panels, at places that depend on them.
 */
const SUMMED_IN_ONE_ORDER = 128;

/**
 * The heads of a group stand side by side in one product, each query with zeros in the others' places: so that a product
 * has more than one row even for a single query, and keys are stored as they come, without a transposition.
 */
export function attentionGroups({ width, heads }: { width: number; heads: number }): AttentionGroups {
  const headWidth = width / heads;
  let headsPerGroup = 1;
  for (let count = 2; count <= heads && count * headWidth <= SUMMED_IN_ONE_ORDER; count += 1) {
    if (heads % count === 0) headsPerGroup = count;
  }
  return { groups: heads / headsPerGroup, headsPerGroup, groupWidth: headsPerGroup * headWidth };
}
