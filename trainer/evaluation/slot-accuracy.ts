// How a CTC student's slots stand to a reference: whether it fits into them, and how many hold what its best alignment puts there.
import type * as Ort from "onnxruntime-common";
import { BLANK_ID, PAD_ID } from "../../models/vocabulary.ts";
import { type Wait, waitToInteger } from "../../models/wait.ts";
import { viterbiAlignments } from "../losses/viterbi.ts";
import type { Weights } from "../networks/parameters.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import { glancePassModel, studentFeeds } from "../training/student-graph.ts";
import type { Feeds } from "../training/training-step.ts";

/** One sentence as the network sees it, `</s>` at the end of both. */
export interface SentencePair {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

export interface SlotAccuracy {
  /** Share of the slots whose likeliest id is the one that the reference's best alignment puts there. */
  readonly accuracy: number;
  /** The same of the slots that the alignment does not leave blank. */
  readonly tokenAccuracy: number;
  /** Tokens and blanks between equal neighbours that the references need, a slot. */
  readonly pressure: number;
  /** Share of the references that need more slots than there are; they count in `pressure` alone. */
  readonly infeasible: number;
}

const ROWS = 32;
const OUTPUT_BIAS = "output.bias";

/**
 * Runs the network over whole sentences and aligns each reference with its slots (Viterbi).
 * @param blankBias what is taken from the blank's logit.
 */
export async function slotAccuracy(
  ort: typeof Ort,
  architecture: StudentArchitecture,
  weights: Weights,
  pairs: readonly SentencePair[],
  options: { readonly wait: Wait; readonly blankBias: number; readonly threads: number },
): Promise<SlotAccuracy> {
  const { model, specs } = glancePassModel(architecture);
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: options.threads, logSeverityLevel: 3 });
  const tensors: Feeds = {};
  for (const { name, shape } of specs) {
    const values = weights.get(name)?.slice();
    if (!values) throw new Error(`the weights hold no ${name}`);
    if (name === OUTPUT_BIAS) values[BLANK_ID]! -= options.blankBias;
    tensors[name] = new ort.Tensor("float32", values, shape);
  }
  const sorted = [...pairs].sort((a, b) => a.source.length - b.source.length);
  const counts = { slots: 0, right: 0, tokens: 0, rightTokens: 0, needed: 0, allSlots: 0, infeasible: 0 };
  for (let start = 0; start < sorted.length; start += ROWS) {
    const rows = sorted.slice(start, start + ROWS);
    const waits = Int32Array.from(rows, () => waitToInteger(options.wait));
    const batch = studentFeeds(ort, idBatch(rows), waits, architecture.slotsPerToken);
    const { source, source_lengths, waits: lags, ctc_states, slot_lengths } = batch.feeds;
    const inputs = { source, source_lengths, waits: lags, ctc_states, slot_lengths, ...tensors } as Feeds;
    const results = await session.run(inputs);
    const [emitted, best] = [results.emissions?.data, results.best?.data];
    if (!(emitted instanceof Float32Array && best instanceof BigInt64Array)) throw new Error("no emissions came back");
    const { labels, slotLengths, T } = batch;
    const aligned = viterbiAlignments(emitted, T, rows.length, labels.stateCount, labels, slotLengths);
    for (const [row, { target }] of rows.entries()) {
      counts.allSlots += slotLengths[row]!;
      counts.needed += target.length - 1 + target.filter((id, place) => id === target[place - 1]).length;
      if (!labels.feasible[row]) {
        counts.infeasible += 1;
        continue;
      }
      for (let at = row * T; at < row * T + slotLengths[row]!; at += 1) {
        const right = Number(Number(best[at]) === aligned[at]);
        counts.slots += 1;
        counts.right += right;
        if (aligned[at] === BLANK_ID) continue;
        counts.tokens += 1;
        counts.rightTokens += right;
      }
    }
  }
  await session.release();
  return {
    accuracy: counts.right / Math.max(1, counts.slots),
    tokenAccuracy: counts.rightTokens / Math.max(1, counts.tokens),
    pressure: counts.needed / Math.max(1, counts.allSlots),
    infeasible: counts.infeasible / Math.max(1, pairs.length),
  };
}

function idBatch(rows: readonly SentencePair[]) {
  const S = Math.max(...rows.map(({ source }) => source.length));
  const U = Math.max(...rows.map(({ target }) => target.length));
  const lay = (width: number, idsOf: (pair: SentencePair) => readonly number[]) => {
    const ids = new Int32Array(rows.length * width).fill(PAD_ID);
    rows.forEach((pair, row) => {
      ids.set(idsOf(pair), row * width);
    });
    return ids;
  };
  return {
    source: lay(S, ({ source }) => source),
    target: lay(U, ({ target }) => target),
    sourceLengths: Int32Array.from(rows, ({ source }) => source.length),
    targetLengths: Int32Array.from(rows, ({ target }) => target.length),
    rows: rows.length,
    S,
    U,
  };
}
