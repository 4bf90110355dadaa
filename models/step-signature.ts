// The step graph's inputs and outputs: what the exporter writes, bundle.json states and the step model feeds.

export interface TensorSpec {
  name: string;
  type: "int64" | "float32";
  /** A number is fixed; a letter varies from call to call. */
  shape: (number | string)[];
}

export interface StepSignature {
  inputs: TensorSpec[];
  outputs: TensorSpec[];
}

/**
 * Signature of a step graph. B rows, N new tokens, M new chunks, T = λ·M new slots, P past positions, Q past slots.
 */
export function stepSignature(sizes: { sourceStateWidth: number; slotStateWidth: number }): StepSignature {
  const { sourceStateWidth, slotStateWidth } = sizes;
  return {
    inputs: [
      { name: "tokens", type: "int64", shape: ["B", "N"] },
      { name: "token_counts", type: "int64", shape: ["B"] },
      { name: "chunk_tokens", type: "int64", shape: ["B", "M"] },
      { name: "chunk_counts", type: "int64", shape: ["B"] },
      { name: "source_lengths", type: "int64", shape: ["B"] },
      { name: "chunk_lengths", type: "int64", shape: ["B"] },
      { name: "waits", type: "int64", shape: ["B"] },
      { name: "source_state", type: "float32", shape: ["B", "P", sourceStateWidth] },
      { name: "slot_state", type: "float32", shape: ["B", "Q", slotStateWidth] },
    ],
    outputs: [
      { name: "slot_ids", type: "int64", shape: ["B", "T"] },
      { name: "slot_scores", type: "float32", shape: ["B", "T"] },
      { name: "new_source_state", type: "float32", shape: ["B", "N", sourceStateWidth] },
      { name: "new_slot_state", type: "float32", shape: ["B", "T", slotStateWidth] },
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
