import { type InferenceSession, Tensor } from "onnxruntime-common";
import * as onnxruntime from "onnxruntime-node";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { BundleError } from "./bundle-error.ts";
import type { OnnxRuntime } from "./graph-session.ts";
import { StepModel } from "./step-model.ts";
import { type StepSignature, stepSignature, type TensorSpec } from "./step-signature.ts";

const [SOURCE_WIDTH, SLOT_WIDTH, SLOTS] = [2, 1, 2];
const signature = stepSignature({ sourceStateWidth: SOURCE_WIDTH, slotStateWidth: SLOT_WIDTH });
const manifest: Parameters<typeof StepModel.create>[2] = {
  name: "small",
  kind: "student",
  architecture: {
    type: "ctc-student",
    width: 4,
    heads: 1,
    feedForward: 4,
    encoderLayers: 1,
    decoderLayers: 1,
    vocabulary: 100,
    slotsPerToken: SLOTS,
    parameters: 1,
  },
  limits: { maxSourceTokens: 20 },
  step: { sourceStateWidth: SOURCE_WIDTH, slotStateWidth: SLOT_WIDTH, ...signature },
};

/** Appends a length-delimited field made by `write`. */
function nested(writer: protobuf.Writer, field: number, write: (inner: protobuf.Writer) => void): void {
  writer.uint32((field << 3) | 2).fork();
  write(writer);
  writer.ldelim();
}
const text = (writer: protobuf.Writer, field: number, value: string) => writer.uint32((field << 3) | 2).string(value);
const integer = (writer: protobuf.Writer, field: number, value: number) => writer.uint32(field << 3).int64(value);

type Node = [type: string, inputs: string[], outputs: string[], attributes?: Record<string, number>];

/**
 * A step graph whose answer shows what reached it: slot j of a chunk that repeats token c has id 2c + j + (twice the sum of
 * all source tokens, past and new) + (the sum of the past slots' ids).
 */
const nodes: Node[] = [
  ["Cast", ["tokens"], ["tokens_f"], { to: 1 }],
  ["Unsqueeze", ["tokens_f", "axis2"], ["tokens_3"]],
  ["Concat", ["tokens_3", "tokens_3"], ["new_source_state"], { axis: 2 }],
  ["Concat", ["source_state", "new_source_state"], ["all_source"], { axis: 1 }],
  ["ReduceSum", ["all_source", "axes12"], ["source_sum"], { keepdims: 0 }],
  ["ReduceSum", ["slot_state", "axes12"], ["slot_sum"], { keepdims: 0 }],
  ["Add", ["source_sum", "slot_sum"], ["sum"]],
  ["Unsqueeze", ["sum", "axis1"], ["sum_column"]],
  ["Cast", ["chunk_tokens"], ["chunk_f"], { to: 1 }],
  ["Add", ["chunk_f", "chunk_f"], ["twice"]],
  ["Add", ["twice", "one"], ["twice_and_one"]],
  ["Unsqueeze", ["twice", "axis2"], ["slot_0"]],
  ["Unsqueeze", ["twice_and_one", "axis2"], ["slot_1"]],
  ["Concat", ["slot_0", "slot_1"], ["pairs"], { axis: 2 }],
  ["Reshape", ["pairs", "rows"], ["slots"]],
  ["Add", ["slots", "sum_column"], ["ids_f"]],
  ["Cast", ["ids_f"], ["slot_ids"], { to: 7 }],
  ["Neg", ["ids_f"], ["slot_scores"]],
  ["Unsqueeze", ["ids_f", "axis2"], ["new_slot_state"]],
];
const integers: Record<string, number[]> = { axis1: [1], axis2: [2], axes12: [1, 2], rows: [0, -1] };

/** A ModelProto (onnx.proto3) of these nodes, with the tensors that the signature names. */
function onnxModel({ inputs, outputs }: StepSignature): Uint8Array {
  const writer = protobuf.Writer.create();
  const tensor = (field: number, { name, type, shape }: TensorSpec) =>
    nested(writer, field, () => {
      text(writer, 1, name);
      nested(writer, 2, () =>
        nested(writer, 1, () => {
          integer(writer, 1, type === "int64" ? 7 : 1);
          nested(writer, 2, () => {
            for (const size of shape) {
              nested(writer, 1, () => (typeof size === "number" ? integer(writer, 1, size) : text(writer, 2, size)));
            }
          });
        }),
      );
    });
  integer(writer, 1, 8);
  nested(writer, 7, () => {
    for (const [type, from, to, attributes] of nodes) {
      nested(writer, 1, () => {
        for (const name of from) text(writer, 1, name);
        for (const name of to) text(writer, 2, name);
        text(writer, 4, type);
        for (const [name, value] of Object.entries(attributes ?? {})) {
          nested(writer, 5, () => {
            text(writer, 1, name);
            integer(writer, 3, value);
            integer(writer, 20, 2);
          });
        }
      });
    }
    text(writer, 2, "step");
    for (const [name, values] of Object.entries(integers)) {
      nested(writer, 5, () => {
        integer(writer, 1, values.length);
        integer(writer, 2, 7);
        text(writer, 8, name);
        writer.uint32((9 << 3) | 2).bytes(new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
      });
    }
    nested(writer, 5, () => {
      integer(writer, 2, 1);
      text(writer, 8, "one");
      writer.uint32((9 << 3) | 2).bytes(new Uint8Array(Float32Array.of(1).buffer));
    });
    for (const input of inputs) tensor(11, input);
    for (const output of outputs) tensor(12, output);
  });
  nested(writer, 8, () => integer(writer, 2, 18));
  return writer.finish();
}

/** What the graph above must answer. */
function slotIds(source: number[], pastSlots: number[], chunks: number[]): number[] {
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return chunks.flatMap((token) => [0, 1].map((slot) => 2 * token + slot + 2 * sum(source) + sum(pastSlots)));
}

describe("StepModel on onnxruntime", async () => {
  const model = await StepModel.create(onnxruntime, onnxModel(signature), manifest);

  it("carries state from step to step, an empty past first", async () => {
    const state = model.newState();
    const [first] = await model.run([{ state, tokens: [3, 4], chunks: [3], wait: 2 }]);
    expect(first).toEqual({ slotIds: [20, 21], slotScores: [-20, -21] });
    expect([state.sourceLength, state.chunkLength]).toEqual([2, 1]);
    expect([...state.sourceState]).toEqual([3, 3, 4, 4]);
    const [second] = await model.run([{ state, tokens: [], chunks: [4], wait: 2 }]);
    expect(second.slotIds).toEqual(slotIds([3, 4], [20, 21], [4]));
    const [third] = await model.run([{ state, tokens: [5], chunks: [], wait: 2 }]);
    expect(third).toEqual({ slotIds: [], slotScores: [] });
    expect([...state.sourceState]).toEqual([3, 3, 4, 4, 5, 5]);
    expect([...state.slotState]).toEqual([...first.slotIds, ...second.slotIds]);
  });

  it("gives each row of a batch what it gives it alone", async () => {
    const pasts = [[], [7], [7, 8, 9, 10], [11, 12]];
    const alone = pasts.map(() => model.newState());
    const batched = pasts.map(() => model.newState());
    for (const states of [alone, batched]) {
      for (const [row, past] of pasts.entries()) {
        await model.run([{ state: states[row], tokens: past, chunks: past.slice(0, 2), wait: 1 }]);
      }
    }
    const news = [[13, 14, 15], [], [16], [17, 18]];
    const rows = news.map((tokens, row) => ({ tokens, chunks: tokens.slice(0, row), wait: 1 }));
    const expected = [];
    for (const [row, request] of rows.entries())
      expected.push(...(await model.run([{ ...request, state: alone[row] }])));
    const results = await model.run(rows.map((request, row) => ({ ...request, state: batched[row] })));
    expect(results).toEqual(expected);
    for (const row of pasts.keys()) {
      expect(batched[row].sourceState).toEqual(alone[row].sourceState);
      expect(batched[row].slotState).toEqual(alone[row].slotState);
    }
    expect(model.scratchBytes).toBeGreaterThan(0);
  });

  it("runs calls made at once one after the other", async () => {
    const [a, b] = [model.newState(), model.newState()];
    const results = await Promise.all([
      model.run([{ state: a, tokens: [1, 2], chunks: [1], wait: 1 }]),
      model.run([{ state: b, tokens: [5], chunks: [5], wait: 1 }]),
      model.run([{ state: a, tokens: [3], chunks: [2], wait: 1 }]),
    ]);
    expect(results.map(([{ slotIds }]) => slotIds[0])).toEqual([2 + 6, 10 + 10, 4 + 12 + 8 + 9]);
  });

  it("refuses rows that break the limits, and leaves their states alone", async () => {
    const state = model.newState();
    await expect(model.run([{ state, tokens: Array(21).fill(5), chunks: [], wait: 1 }])).rejects.toThrow(
      "row 0: 21 source positions, the limit is 20",
    );
    await expect(model.run([{ state, tokens: [5], chunks: [5, 6], wait: 1 }])).rejects.toThrow("2 chunks for 1");
    const row = { state, tokens: [5], chunks: [], wait: 1 };
    await expect(model.run([row, row])).rejects.toThrow(/share a segment state/);
    expect(state.bytes).toBe(0);
    expect(await model.run([])).toEqual([]);
  });

  it.each<[string, (signature: StepSignature) => void, RegExp]>([
    [
      "a missing input",
      ({ inputs }) => inputs.splice(6, 1),
      /step\.onnx of bundle "small": input "waits" is missing; expected int64\[B\]/,
    ],
    [
      "another state width",
      ({ inputs }) => (inputs[7].shape = ["B", "P", 3]),
      /input "source_state" is float32\[B,P,3\]; expected float32\[B,P,2\]/,
    ],
    ["another rank", ({ inputs }) => (inputs[1].shape = ["B", 1]), /input "token_counts" is int64\[B,1\]/],
    [
      "an input too many",
      ({ inputs }) => inputs.push({ name: "tag", type: "int64", shape: ["B"] }),
      /input "tag" is not/,
    ],
    ["a missing output", ({ outputs }) => outputs.splice(1, 1), /output "slot_scores" is missing/],
  ])("refuses a graph with %s", async (_, change, message) => {
    const { inputs, outputs } = structuredClone(signature);
    change({ inputs, outputs });
    // The runtime itself would not load some of these graphs; what is tested looks at metadata alone.
    const ort = standInRuntime({ inputs, outputs });
    const created = StepModel.create(ort, new Uint8Array(), manifest);
    await expect(created).rejects.toThrow(message);
    await expect(created).rejects.toBeInstanceOf(BundleError);
  });

  it("has no step graph for a teacher", async () => {
    const teacher = { ...manifest, kind: "teacher" as const, step: undefined };
    await expect(StepModel.create(onnxruntime, new Uint8Array(), teacher)).rejects.toMatchObject({ code: "kind" });
  });
});

/** A runtime that answers with zeros and remembers what it was fed. */
function standInRuntime({ inputs, outputs }: StepSignature, fed: InferenceSession.FeedsType[] = []): OnnxRuntime {
  const metadata = (tensors: TensorSpec[]) => tensors.map((tensor) => ({ ...tensor, isTensor: true as const }));
  const session = {
    inputMetadata: metadata(inputs),
    outputMetadata: metadata(outputs),
    release: () => Promise.resolve(),
    run: (feeds: InferenceSession.FeedsType) => {
      fed.push(feeds);
      const [B, N] = feeds.tokens.dims;
      const T = feeds.chunk_tokens.dims[1] * SLOTS;
      // From the third step on, a slot too many.
      const slots = fed.length > 2 ? T + 1 : T;
      return Promise.resolve({
        slot_ids: new Tensor("int64", new BigInt64Array(B * T), [B, T]),
        slot_scores: new Tensor("float32", new Float32Array(B * T), [B, T]),
        new_source_state: new Tensor("float32", new Float32Array(B * N * SOURCE_WIDTH).fill(1), [B, N, SOURCE_WIDTH]),
        new_slot_state: new Tensor("float32", new Float32Array(B * slots), [B, slots, SLOT_WIDTH]),
      });
    },
  };
  return { InferenceSession: { create: () => Promise.resolve(session) }, Tensor };
}

describe("StepModel's tensors", () => {
  it("pads rows on the right, and passes one row's state as it is", async () => {
    const fed: InferenceSession.FeedsType[] = [];
    const ort = standInRuntime(signature, fed);
    const model = await StepModel.create(ort, "step.onnx", manifest);
    const [a, b] = [model.newState(), model.newState()];
    await model.run([{ state: a, tokens: [21, 22], chunks: [21], wait: 2 }]);
    await model.run([
      { state: a, tokens: [], chunks: [22], wait: 2 },
      { state: b, tokens: [31, 32, 33], chunks: [], wait: 5 },
    ]);
    const values = (name: string) => Array.from(fed[1][name].data as ArrayLike<number | bigint>, Number);
    expect(values("tokens")).toEqual([0, 0, 0, 31, 32, 33]);
    expect(values("token_counts")).toEqual([0, 3]);
    expect(values("chunk_tokens")).toEqual([22, 0]);
    expect(values("chunk_counts")).toEqual([1, 0]);
    expect(values("source_lengths")).toEqual([2, 0]);
    expect(values("chunk_lengths")).toEqual([1, 0]);
    expect(values("waits")).toEqual([2, 5]);
    expect(fed[1].source_state.dims).toEqual([2, 2, SOURCE_WIDTH]);
    expect(values("source_state")).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    expect(fed[1].slot_state.dims).toEqual([2, 2, SLOT_WIDTH]);
    expect(fed[0].source_state.dims).toEqual([1, 0, SOURCE_WIDTH]);
    const { buffer } = a.sourceState;
    await expect(model.run([{ state: a, tokens: [23], chunks: [], wait: 2 }])).rejects.toThrow(
      'output "new_slot_state" came as float32[1,3,1]; expected float32[1,2,1]',
    );
    expect((fed[2].source_state.data as Float32Array).buffer).toBe(buffer);
  });
});
