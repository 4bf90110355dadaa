// The lags of a batch: one drawn for each row, so that one student serves them all (multi-path, Elbayad et al. 2020).
import type * as Ort from "onnxruntime-common";
import { FULL_WAIT } from "../../models/wait.ts";
import type { Random } from "../random.ts";
import type { Feeds } from "./training-step.ts";

/** Lags are drawn evenly from 1 … maximum, and are the whole sentence with probability `full`. */
export interface LagDraw {
  readonly maximum: number;
  readonly full: number;
}

/** `[rows]`, in source tokens. */
export function drawLags({ maximum, full }: LagDraw, rows: number, random: Random): Int32Array {
  const draw = () => (random.uniform() < full ? FULL_WAIT : 1 + random.below(maximum));
  return Int32Array.from({ length: rows }, draw);
}

/** The feed `waits [B]` of a wait-k student's training graph. */
export function lagFeeds(ort: typeof Ort, lags: Int32Array): Feeds {
  return { waits: new ort.Tensor("int64", BigInt64Array.from(lags, BigInt), [lags.length]) };
}
