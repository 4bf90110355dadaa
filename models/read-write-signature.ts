// Inputs and outputs of an autoregressive student's two graphs: one reads source tokens, one writes a target token.
import type { StepSignature } from "./step-signature.ts";

// B rows, N new tokens, P past source positions, Q past target tokens, E, C and T state widths.

/** Floats that a position leaves behind. */
export interface ReadWriteWidths {
  /** For each source position: keys and values of the encoder's self-attention. */
  encoderStateWidth: number;
  /** For each source position: keys and values of the decoder's cross-attention. */
  crossStateWidth: number;
  /** For each target token: keys and values of the decoder's self-attention. */
  targetStateWidth: number;
}

/** The read graph encodes new source tokens behind those before them. */
export function readSignature({ encoderStateWidth, crossStateWidth }: ReadWriteWidths): StepSignature {
  return {
    inputs: [
      { name: "tokens", type: "int64", shape: ["B", "N"] },
      { name: "source_lengths", type: "int64", shape: ["B"] },
      { name: "encoder_state", type: "float32", shape: ["B", "P", encoderStateWidth] },
    ],
    outputs: [
      { name: "new_encoder_state", type: "float32", shape: ["B", "N", encoderStateWidth] },
      { name: "new_cross_state", type: "float32", shape: ["B", "N", crossStateWidth] },
    ],
  };
}

/** The write graph decodes the token that follows `target_tokens`; it sees the first `visible_lengths` source positions. */
export function writeSignature({ crossStateWidth, targetStateWidth }: ReadWriteWidths): StepSignature {
  return {
    inputs: [
      { name: "target_tokens", type: "int64", shape: ["B", 1] },
      { name: "target_lengths", type: "int64", shape: ["B"] },
      { name: "visible_lengths", type: "int64", shape: ["B"] },
      { name: "cross_state", type: "float32", shape: ["B", "P", crossStateWidth] },
      { name: "target_state", type: "float32", shape: ["B", "Q", targetStateWidth] },
    ],
    outputs: [
      { name: "target_ids", type: "int64", shape: ["B", 1] },
      { name: "target_scores", type: "float32", shape: ["B", 1] },
      { name: "new_target_state", type: "float32", shape: ["B", 1, targetStateWidth] },
    ],
  };
}
