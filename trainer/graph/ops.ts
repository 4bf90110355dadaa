// Operators: each builds one ONNX node and infers its output's shape. Imported whole: `op.add`, `op.reshape`, `op.scan`.
import type { ElementType, Shape, Subgraph, Value } from "./graph.ts";

export * from "./arithmetic-ops.ts";
export * from "./layout-ops.ts";

/** Operators that have a gradient rule in gradients.ts. */
export type DifferentiableOp =
  | "Add"
  | "Sub"
  | "Mul"
  | "Div"
  | "Neg"
  | "Exp"
  | "Log"
  | "Sqrt"
  | "Relu"
  | "FusedMatMul"
  | "Gemm"
  | "Softmax"
  | "LayerNormalization"
  | "Gather"
  | "GatherElements"
  | "Reshape"
  | "Transpose"
  | "Concat"
  | "Slice"
  | "Expand"
  | "Where"
  | "ReduceSum"
  | "ReduceMean"
  | "Identity";

/**
 * ONNX Scan over axis 0: `body` has the states first, then one slice of each scanned input; its outputs are the next
 * states, then one slice of each scanned output.
 */
export function scan(
  body: Subgraph,
  states: readonly Value[],
  scanned: readonly Value[],
  outputs: readonly { type: ElementType; shape: Shape }[],
  reverse = false,
): Value[] {
  const flags = (count: number) => Array.from({ length: count }, () => Number(reverse));
  return states[0]!.graph.node("Scan", [...states, ...scanned], outputs, {
    body,
    num_scan_inputs: scanned.length,
    scan_input_directions: flags(scanned.length),
    scan_output_directions: flags(outputs.length - states.length),
  });
}
