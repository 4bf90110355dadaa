// Two buffers for a tensor that a session both reads and writes: a run reads one and writes the other.
import type * as Ort from "onnxruntime-common";

/** After a run the two change places. */
export interface PingPong {
  read: Ort.Tensor;
  write: Ort.Tensor;
}
