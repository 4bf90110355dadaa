// Glancing (Qian et al. 2021) for CTC: part of the slots is shown the target that the model's own best alignment puts there.
import type * as Ort from "onnxruntime-common";
import { viterbiAlignments } from "../losses/viterbi.ts";
import type { StudentArchitecture } from "../networks/student.ts";
import type { Random } from "../random.ts";
import { glancePassModel, type StudentBatch } from "./student-graph.ts";
import type { Feeds } from "./training-step.ts";

/** The glancing ratio p falls from `start` to `end` over training; 0 and 0 turn glancing off. */
export interface GlancingSettings {
  readonly start: number;
  readonly end: number;
}

export function glancingRatio(settings: GlancingSettings, step: number, totalSteps: number): number {
  return settings.start + (settings.end - settings.start) * Math.min(1, step / totalSteps);
}

export class GlancingPass {
  readonly #ort: typeof Ort;
  readonly #session: Ort.InferenceSession;
  readonly #names: readonly string[];

  private constructor(ort: typeof Ort, session: Ort.InferenceSession, names: readonly string[]) {
    this.#ort = ort;
    this.#session = session;
    this.#names = names;
  }

  static async create(ort: typeof Ort, architecture: StudentArchitecture, threads: number): Promise<GlancingPass> {
    const { model, specs } = glancePassModel(architecture);
    const options = { intraOpNumThreads: threads, enableMemPattern: false, logSeverityLevel: 3 as const };
    const session = await ort.InferenceSession.create(model, options);
    return new GlancingPass(
      ort,
      session,
      specs.map(({ name }) => name),
    );
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }

  /**
   * Chooses what to show: each slot of a row with probability ratio · (share of its slots that the first pass got wrong).
   * @param parameters the live parameter tensors, by name.
   * @returns the feeds glance_ids and glance_mask.
   */
  async glance(batch: StudentBatch, parameters: Feeds, ratio: number, random: Random): Promise<Feeds> {
    const { source, source_lengths, waits, ctc_states, slot_lengths } = batch.feeds;
    const inputs: Feeds = {
      source: source!,
      source_lengths: source_lengths!,
      waits: waits!,
      ctc_states: ctc_states!,
      slot_lengths: slot_lengths!,
    };
    for (const name of this.#names) inputs[name] = parameters[name]!;
    const results = await this.#session.run(inputs);
    const emitted = results.emissions?.data;
    const best = results.best?.data;
    if (!(emitted instanceof Float32Array) || !(best instanceof BigInt64Array))
      throw new Error("the glancing pass gave no emissions");
    const rows = batch.slotLengths.length;
    const aligned = viterbiAlignments(emitted, batch.T, rows, batch.labels.stateCount, batch.labels, batch.slotLengths);
    return glanceFeeds(this.#ort, batch, aligned, best, ratio, random);
  }
}

/** Draws the mask from the alignment; rows that CTC leaves out are shown nothing. */
export function glanceFeeds(
  ort: typeof Ort,
  batch: Pick<StudentBatch, "slotLengths" | "T" | "labels">,
  aligned: Int32Array,
  best: BigInt64Array,
  ratio: number,
  random: Random,
): Feeds {
  const { slotLengths, T, labels } = batch;
  const rows = slotLengths.length;
  const ids = new BigInt64Array(rows * T);
  const mask = new Uint8Array(rows * T);
  for (let row = 0; row < rows; row += 1) {
    const length = slotLengths[row]!;
    if (!labels.feasible[row]) continue;
    let wrong = 0;
    for (let slot = 0; slot < length; slot += 1)
      if (Number(best[row * T + slot]) !== aligned[row * T + slot]) wrong += 1;
    const shown = (ratio * wrong) / length;
    for (let slot = 0; slot < length; slot += 1) {
      const at = row * T + slot;
      ids[at] = BigInt(aligned[at]!);
      mask[at] = random.uniform() < shown ? 1 : 0;
    }
  }
  return { glance_ids: new ort.Tensor("int64", ids, [rows, T]), glance_mask: new ort.Tensor("bool", mask, [rows, T]) };
}

/** Nothing shown: the feeds of a step without a first pass. */
export function noGlance(ort: typeof Ort, batch: StudentBatch): Feeds {
  const shape = [batch.slotLengths.length, batch.T];
  const size = shape[0]! * shape[1]!;
  return {
    glance_ids: new ort.Tensor("int64", new BigInt64Array(size), shape),
    glance_mask: new ort.Tensor("bool", new Uint8Array(size), shape),
  };
}
