// What our Transformer thinks of given targets: its likeliest ids at each position, told the target before it.
import * as ort from "onnxruntime-node";
import { BOS_ID, EOS_ID, PAD_ID } from "../../models/vocabulary.ts";
import type { SoftTarget } from "../corpus/soft-targets.ts";
import { Graph } from "../graph/graph.ts";
import { serializeModel } from "../graph/onnx.ts";
import * as op from "../graph/ops.ts";
import { noDropout } from "../networks/dropout.ts";
import { Parameters } from "../networks/parameters.ts";
import { teacherForcedLogits } from "../networks/transformer.ts";
import type { TransformerNetwork } from "./text-model.ts";

// B pairs, S source positions, U target positions, V vocabulary, k ids.

/** Token ids without their ends. */
export interface ForcedPair {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

export class TeacherForcing {
  /** Ids of a position. */
  readonly k: number;
  readonly #session: ort.InferenceSession;

  private constructor(session: ort.InferenceSession, k: number) {
    this.#session = session;
    this.k = k;
  }

  /** @param k ids that each position is given; at most the vocabulary. */
  static async create({ architecture, weights }: TransformerNetwork, k: number, threads = 1): Promise<TeacherForcing> {
    const graph = new Graph();
    const context = { ...architecture, parameters: new Parameters(graph, weights), dropout: noDropout };
    const logits = teacherForcedLogits(
      context,
      architecture,
      graph.input("source", "int64", ["B", "S"]),
      graph.input("source_lengths", "int64", ["B"]),
      graph.input("target_in", "int64", ["B", "U"]),
    );
    const [probabilities, ids] = op.topK(op.softmax(logits), k); // [B·U, k]
    const logProbabilities = op.log(op.maximum(probabilities!, 1e-37));
    const model = serializeModel(graph, { ids: ids!, log_probabilities: logProbabilities });
    const options = { intraOpNumThreads: threads, enableMemPattern: false, logSeverityLevel: 3 as const };
    return new TeacherForcing(await ort.InferenceSession.create(model, options), k);
  }

  dispose(): Promise<void> {
    return this.#session.release();
  }

  /**
   * One batch.
   * @returns for each pair the k likeliest ids after each of its target's prefixes, the whole target included.
   */
  async distributions(pairs: readonly ForcedPair[]): Promise<SoftTarget[]> {
    if (pairs.length === 0) return [];
    const B = pairs.length;
    const S = Math.max(...pairs.map(({ source }) => source.length)) + 1;
    const U = Math.max(...pairs.map(({ target }) => target.length)) + 1;
    const sources = new BigInt64Array(B * S).fill(BigInt(PAD_ID));
    const targets = new BigInt64Array(B * U).fill(BigInt(PAD_ID));
    for (const [row, { source, target }] of pairs.entries()) {
      sources.set(BigInt64Array.from([...source, EOS_ID], BigInt), row * S);
      targets.set(BigInt64Array.from([BOS_ID, ...target], BigInt), row * U);
    }
    const lengths = BigInt64Array.from(pairs, ({ source }) => BigInt(source.length + 1));
    const found = await this.#session.run({
      source: new ort.Tensor("int64", sources, [B, S]),
      source_lengths: new ort.Tensor("int64", lengths, [B]),
      target_in: new ort.Tensor("int64", targets, [B, U]),
    });
    const ids = found.ids?.data;
    const logProbabilities = found.log_probabilities?.data;
    if (!(ids instanceof BigInt64Array) || !(logProbabilities instanceof Float32Array))
      throw new Error("the teacher gave no distributions");
    return pairs.map(({ target }, row) => {
      const positions = target.length + 1;
      const [from, to] = [row * U * this.k, (row * U + positions) * this.k];
      return {
        positions,
        ids: Uint16Array.from(ids.subarray(from, to), Number),
        logProbabilities: logProbabilities.slice(from, to),
      };
    });
  }
}
