// Embeddings of reserved ids that a model has never been given: where a training is to teach them, they start afresh.
import { SPECIAL_TOKENS } from "../../models/vocabulary.ts";
import { Random } from "../random.ts";
import type { Weights } from "./parameters.ts";

/** Rows that only the softmax has pushed, and so all alike, have a cosine of nearly 1; learnt ones soon come apart. */
const ALIKE = 0.9;

/**
 * Draws new rows of the embedding table, in place, for those of the ids whose row is the same as another's of them. Under a
 * softmax, ids that never come are all pushed the same way: they end as one vector, far from what is written, and it
 * takes long to part them. New rows have a random direction and the mean length of the others.
 *
 * @param weights with the table `embedding`, `[V, D]`
 * @returns how many rows are new
 */
export function freshenRows(weights: Weights, ids: readonly number[], width: number, seed: number): number {
  const table = weights.get("embedding");
  if (!table) return 0;
  const row = (id: number) => table.subarray(id * width, (id + 1) * width);
  const norm = (values: Float32Array) => Math.hypot(...values);
  const alike = ids.filter((id) =>
    ids.some((other) => other !== id && cosine(row(id), row(other)) > ALIKE && norm(row(id)) > 0),
  );
  if (alike.length === 0) return 0;
  let total = 0;
  const count = table.length / width - SPECIAL_TOKENS.length;
  for (let id = SPECIAL_TOKENS.length; id < SPECIAL_TOKENS.length + count; id += 1) total += norm(row(id));
  for (const id of alike) {
    const random = new Random(seed, "fresh", id);
    const fresh = Float32Array.from({ length: width }, () => random.normal());
    const scale = total / count / norm(fresh);
    row(id).set(fresh.map((value) => value * scale));
  }
  return alike.length;
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [product, left, right] = [0, 0, 0];
  for (const [index, value] of a.entries()) {
    product += value * b[index]!;
    left += value * value;
    right += b[index]! * b[index]!;
  }
  return product / Math.sqrt(left * right);
}
