// Weights taken over to another vocabulary: rows of pieces that both have go along, the others are drawn.
import { Random } from "../random.ts";
import type { ShapedWeights } from "./parameters.ts";

/** A vocabulary: the text of each id, special tokens as they stand. What is used of a tokenizer. */
export interface Pieces {
  readonly vocabularySize: number;
  pieceOf(id: number): string;
}

export interface SharedPieces {
  readonly weights: ShapedWeights;
  /** Pieces of the new vocabulary that the old one has too, special tokens included. */
  readonly shared: number;
}

/**
 * The same weights for another vocabulary. Tensors whose first dimension is the old vocabulary (the embeddings, which the
 * output layer shares, and the output's bias) get a row for each piece of the new one: the old row where the old vocabulary
 * has the piece, else one drawn with the old rows' mean and deviation in each column (so that its length and direction are
 * like any other's). All other tensors stay as they are.
 */
export function sharePieces(from: ShapedWeights, old: Pieces, next: Pieces, seed: number): SharedPieces {
  const oldIds = new Map<string, number>();
  for (let id = 0; id < old.vocabularySize; id += 1) oldIds.set(old.pieceOf(id), id);
  const sources = Array.from({ length: next.vocabularySize }, (_, id) => oldIds.get(next.pieceOf(id)));
  const tensors = new Map(from.tensors);
  const shapes = new Map(from.shapes);
  for (const [name, shape] of from.shapes) {
    const table = from.tensors.get(name);
    if (shape[0] !== old.vocabularySize || !table || !VOCABULARY_TENSORS.has(name)) continue;
    tensors.set(name, newTable(table, old.vocabularySize, sources, new Random(seed, "pieces", name)));
    shapes.set(name, [next.vocabularySize, ...shape.slice(1)]);
  }
  return { weights: { tensors, shapes }, shared: sources.filter((id) => id !== undefined).length };
}

/** Tensors with a row for each id: another may happen to have as many rows. */
const VOCABULARY_TENSORS: ReadonlySet<string> = new Set(["embedding", "output.bias"]);

function newTable(
  table: Float32Array,
  rows: number,
  sources: readonly (number | undefined)[],
  random: Random,
): Float32Array {
  const width = table.length / rows;
  const mean = new Float64Array(width);
  const square = new Float64Array(width);
  for (const [at, value] of table.entries()) {
    mean[at % width]! += value / rows;
    square[at % width]! += value ** 2 / rows;
  }
  const drawn = Float32Array.from({ length: sources.length * width }, (_, at) => {
    const column = at % width;
    const deviation = Math.sqrt(Math.max(0, square[column]! - mean[column]! ** 2));
    return mean[column]! + random.normal() * deviation;
  });
  for (const [id, source] of sources.entries()) {
    if (source !== undefined) drawn.set(table.subarray(source * width, (source + 1) * width), id * width);
  }
  return drawn;
}
