// The step graph's inputs and outputs: what the exporter writes, bundle.json states and the step model feeds.

import { attentionGroups } from "./attention-groups.ts";

export interface TensorSpec {
  name: string;
  type: "int64" | "int32" | "float32";
  /** A number is fixed; a letter varies from call to call. */
  shape: (number | string)[];
}

export interface StepSignature {
  inputs: TensorSpec[];
  outputs: TensorSpec[];
}

/** What of a student's sizes its step graph's tensors depend on. */
export interface StepWidths {
  width: number;
  heads: number;
  sourceStateWidth: number;
  slotStateWidth: number;
}

/**
 * Signature of a step graph. B rows, N and T new source tokens and new slots of the row that has most, X and Y those of
 * all rows together; S and Q the source positions and slots that a row sees, past and new; R and C rows of the memories
 * that the states of all segments share, one for each part (a layer's keys or values) and group of heads.
 */
export function stepSignature(sizes: StepWidths): StepSignature {
  const { sourceStateWidth, slotStateWidth, heads } = sizes;
  const { groups, headsPerGroup, groupWidth } = attentionGroups(sizes);
  const ints = (name: string, shape: TensorSpec["shape"]): TensorSpec => ({ name, type: "int32", shape });
  const floats = (name: string, shape: TensorSpec["shape"]): TensorSpec => ({ name, type: "float32", shape });
  const queries = (symbol: string) => (headsPerGroup === 1 ? symbol : `${headsPerGroup}*${symbol}`);
  return {
    inputs: [
      ints("tokens", ["X"]),
      ints("positions", ["X"]),
      ints("places", ["X", groups, 3]),
      ints("pages", ["B", groups, "S"]),
      ints("queries", ["B", groups, "N", 1]),
      ints("limits", ["B", 1, queries("N"), 1]),
      ints("answers", ["X", heads]),
      ints("slot_tokens", ["Y"]),
      ints("slot_positions", ["Y"]),
      ints("slot_numbers", ["Y"]),
      ints("slot_places", ["Y", groups, 3]),
      ints("slot_pages", ["B", groups, "Q"]),
      ints("slot_queries", ["B", groups, "T", 1]),
      ints("slot_limits", ["B", 1, queries("T"), 1]),
      ints("read_limits", ["B", 1, queries("T"), 1]),
      ints("slot_answers", ["Y", heads]),
      floats("source_memory", ["R", groupWidth]),
      floats("slot_memory", ["C", groupWidth]),
    ],
    outputs: [
      ints("slot_ids", ["Y"]),
      floats("slot_probabilities", ["Y"]),
      floats("new_source_state", ["X", sourceStateWidth]),
      floats("new_slot_state", ["Y", slotStateWidth]),
    ],
  };
}

/**
 * The first difference between the tensors expected and those found, in words; undefined when they fit. A letter matches
 * any size, and so does a size that the graph leaves open.
 */
export function signatureMismatch(
  kind: "input" | "output",
  expected: readonly TensorSpec[],
  found: readonly { name: string; type: string; shape: readonly (number | string)[] }[],
): string | undefined {
  for (const tensor of expected) {
    const other = found.find(({ name }) => name === tensor.name);
    if (other === undefined) return `${kind} "${tensor.name}" is missing; expected ${describe(tensor)}`;
    if (other.type !== tensor.type || !shapesFit(tensor.shape, other.shape)) {
      return `${kind} "${tensor.name}" is ${describe(other)}; expected ${describe(tensor)}`;
    }
  }
  const extra = found.find(({ name }) => !expected.some((tensor) => tensor.name === name));
  return extra && `${kind} "${extra.name}" is not one of ${expected.map(({ name }) => name).join(", ")}`;
}

function shapesFit(expected: readonly (number | string)[], found: readonly (number | string)[]): boolean {
  if (expected.length !== found.length) return false;
  return expected.every((size, axis) => typeof found[axis] === "string" || size === found[axis]);
}

function describe(tensor: { type: string; shape: readonly (number | string)[] }): string {
  return `${tensor.type}[${tensor.shape.join(",")}]`;
}
