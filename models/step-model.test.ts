import { type InferenceSession, Tensor } from "onnxruntime-common";
import * as onnxruntime from "onnxruntime-node";
import protobuf from "protobufjs";
import { describe, expect, it } from "vitest";
import { BundleError } from "./bundle-error.ts";
import type { OnnxRuntime } from "./graph-session.ts";
import { SegmentState } from "./segment-state.ts";
import { StepModel } from "./step-model.ts";
import { type StepSignature, stepSignature, type TensorSpec } from "./step-signature.ts";

const [SOURCE_WIDTH, SLOT_WIDTH, SLOTS] = [2, 2, 2];
const widths = { sourceStateWidth: SOURCE_WIDTH, slotStateWidth: SLOT_WIDTH };
const signature = stepSignature({ width: 2, heads: 1, ...widths });
const manifest: Parameters<typeof StepModel.create>[2] = {
  name: "small",
  kind: "student",
  architecture: {
    type: "ctc-student",
    width: 2,
    heads: 1,
    feedForward: 4,
    encoderLayers: 1,
    decoderLayers: 1,
    vocabulary: 100,
    slotsPerToken: SLOTS,
    parameters: 1,
  },
  limits: { maxSourceTokens: 20 },
  step: { ...widths, ...signature },
};

/** Appends a length-delimited field made by `write`. */
function nested(writer: protobuf.Writer, field: number, write: (inner: protobuf.Writer) => void): void {
  writer.uint32((field << 3) | 2).fork();
  write(writer);
  writer.ldelim();
}
const text = (writer: protobuf.Writer, field: number, value: string) => writer.uint32((field << 3) | 2).string(value);
const integer = (writer: protobuf.Writer, field: number, value: number) => writer.uint32(field << 3).int64(value);

type Node = [type: string, inputs: string[], outputs: string[], attributes?: Record<string, number | string>];

/**
 * A step graph whose answer shows what reached it: slot j of a chunk that repeats token c has id 2c + j + (twice the sum of
 * all source tokens, past and new) + (the sum of the past slots' ids).
 */
const nodes: Node[] = [
  ["Gather", ["source_memory", "pages"], ["past_source"]], // [B, 1, S, 2]
  ["ReduceSum", ["past_source", "axes123"], ["past_sum"], { keepdims: 0 }],
  ["Gather", ["slot_memory", "slot_pages"], ["past_slots"]],
  ["ReduceSum", ["past_slots", "axes123"], ["slot_sum"], { keepdims: 0 }],
  ["Cast", ["tokens"], ["tokens_f"], { to: 1 }],
  ["Add", ["tokens_f", "tokens_f"], ["tokens_2"]],
  ["Gather", ["places", "first"], ["token_row"], { axis: 2 }],
  ["Reshape", ["token_row", "flat"], ["token_rows"]],
  ["ScatterElements", ["past_sum", "token_rows", "tokens_2"], ["source_sum"], { axis: 0, reduction: "add" }],
  ["Add", ["source_sum", "slot_sum"], ["sum"]],
  ["Gather", ["slot_places", "first"], ["slot_row"], { axis: 2 }],
  ["Reshape", ["slot_row", "flat"], ["slot_rows"]],
  ["Gather", ["sum", "slot_rows"], ["sums"]],
  ["Add", ["slot_tokens", "slot_tokens"], ["twice"]],
  ["Add", ["twice", "slot_numbers"], ["own"]],
  ["Cast", ["own"], ["own_f"], { to: 1 }],
  ["Add", ["own_f", "sums"], ["ids_f"]],
  ["Cast", ["ids_f"], ["slot_ids"], { to: 6 }],
  ["Reciprocal", ["ids_f"], ["slot_probabilities"]],
  ["Unsqueeze", ["tokens_f", "axis1"], ["token_column"]],
  ["Concat", ["token_column", "token_column"], ["new_source_state"], { axis: 1 }],
  ["Unsqueeze", ["ids_f", "axis1"], ["id_column"]],
  ["Sub", ["id_column", "id_column"], ["zero_column"]],
  ["Concat", ["id_column", "zero_column"], ["new_slot_state"], { axis: 1 }],
];
const integers: Record<string, number[]> = { axis1: [1], axes123: [1, 2, 3], first: [0], flat: [-1] };

/** A ModelProto (onnx.proto3) of these nodes, with the tensors that the signature names. */
function onnxModel({ inputs, outputs }: StepSignature): Uint8Array {
  const writer = protobuf.Writer.create();
  const tensor = (field: number, { name, type, shape }: TensorSpec) =>
    nested(writer, field, () => {
      text(writer, 1, name);
      nested(writer, 2, () =>
        nested(writer, 1, () => {
          integer(writer, 1, type === "int32" ? 6 : 1);
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
            if (typeof value === "string") text(writer, 4, value);
            else integer(writer, 3, value);
            integer(writer, 20, typeof value === "string" ? 3 : 2);
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
    expect(first.slotIds).toEqual([20, 21]);
    for (const [slot, id] of first.slotIds.entries()) expect(first.slotScores[slot]).toBeCloseTo(-Math.log(id));
    expect([state.sourceLength, state.chunkLength]).toEqual([2, 1]);
    expect([...state.sourceState]).toEqual([3, 3, 4, 4]);
    const [second] = await model.run([{ state, tokens: [], chunks: [4], wait: 2 }]);
    expect(second.slotIds).toEqual(slotIds([3, 4], [20, 21], [4]));
    const [third] = await model.run([{ state, tokens: [5], chunks: [], wait: 2 }]);
    expect(third).toEqual({ slotIds: [], slotScores: [] });
    expect([...state.sourceState]).toEqual([3, 3, 4, 4, 5, 5]);
    expect([...state.slotState]).toEqual([...first.slotIds, ...second.slotIds].flatMap((id) => [id, 0]));
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
    expect(model.memoryBytes).toBeGreaterThan(0);
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
      ({ inputs }) => inputs.splice(4, 1),
      /step\.onnx of bundle "small": input "queries" is missing; expected int32\[B,1,N,1\].*export-step .*--in-place/,
    ],
    [
      "another state width",
      ({ inputs }) => (inputs[16].shape = ["R", 3]),
      /input "source_memory" is float32\[R,3\]; expected float32\[R,2\]/,
    ],
    ["another rank", ({ inputs }) => (inputs[1].shape = ["X", 1]), /input "positions" is int32\[X,1\]/],
    [
      "an input too many",
      ({ inputs }) => inputs.push({ name: "tag", type: "int64", shape: ["B"] }),
      /input "tag" is not/,
    ],
    ["a missing output", ({ outputs }) => outputs.splice(1, 1), /output "slot_probabilities" is missing/],
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

/** A runtime that answers with ones and remembers what it was fed. */
function standInRuntime({ inputs, outputs }: StepSignature, fed: InferenceSession.FeedsType[] = []): OnnxRuntime {
  const metadata = (tensors: TensorSpec[]) => tensors.map((tensor) => ({ ...tensor, isTensor: true as const }));
  const session = {
    inputMetadata: metadata(inputs),
    outputMetadata: metadata(outputs),
    release: () => Promise.resolve(),
    run: (feeds: InferenceSession.FeedsType) => {
      fed.push(feeds);
      const [X] = feeds.tokens.dims;
      // From the third step on, a slot too many.
      const Y = feeds.slot_tokens.dims[0] + Number(fed.length > 2);
      return Promise.resolve({
        slot_ids: new Tensor("int32", new Int32Array(Y), [Y]),
        slot_probabilities: new Tensor("float32", new Float32Array(Y).fill(1), [Y]),
        new_source_state: new Tensor("float32", new Float32Array(X * SOURCE_WIDTH).fill(1), [X, SOURCE_WIDTH]),
        new_slot_state: new Tensor("float32", new Float32Array(Y * SLOT_WIDTH), [Y, SLOT_WIDTH]),
      });
    },
  };
  return { InferenceSession: { create: () => Promise.resolve(session) }, Tensor };
}

describe("StepModel's tensors", () => {
  it("have what is new of all rows side by side, and the states where they lie", async () => {
    const fed: InferenceSession.FeedsType[] = [];
    const ort = standInRuntime(signature, fed);
    const model = await StepModel.create(ort, "step.onnx", manifest);
    const [a, b] = [model.newState(), model.newState()];
    await model.run([{ state: a, tokens: [21, 22], chunks: [21], wait: 2 }]);
    await model.run([
      { state: a, tokens: [], chunks: [22], wait: 2 },
      { state: b, tokens: [31, 32, 33], chunks: [], wait: 5 },
    ]);
    const values = (name: string) => Array.from(fed[1][name].data as ArrayLike<number>);
    expect(values("tokens")).toEqual([31, 32, 33]);
    expect(values("positions")).toEqual([0, 1, 2]);
    expect(values("places")).toEqual([1, 0, 0, 1, 0, 1, 1, 0, 2]);
    expect(fed[1].pages.dims).toEqual([2, 1, 8]);
    expect(values("pages")).toEqual([1, 2, ...Array(14).fill(0)]);
    expect(values("queries")).toEqual([0, 0, 0, 0, 1, 2]);
    expect(values("limits")).toEqual([1, 1, 1, 1, 2, 3]);
    expect(values("answers")).toEqual([3, 4, 5]);
    expect(values("slot_tokens")).toEqual([22, 22]);
    expect(values("slot_positions")).toEqual([1, 1]);
    expect(values("slot_numbers")).toEqual([0, 1]);
    expect(values("slot_places")).toEqual([0, 0, 2, 0, 0, 3]);
    expect(values("slot_pages")).toEqual([1, 2, ...Array(14).fill(0)]);
    expect(values("slot_limits")).toEqual([4, 4, 1, 1]);
    expect(values("read_limits")).toEqual([2, 2, 1, 1]);
    await expect(model.run([{ state: a, tokens: [23], chunks: [], wait: 2 }])).rejects.toThrow(
      'output "slot_ids" came as int32[2]; expected int32[1]',
    );
    expect(fed[2].source_memory, "not copied").toBe(fed[0].source_memory);
    expect(fed[2].limits.data, "two at least: a product with one row sums in another order").toHaveLength(2);
  });

  it("put what nobody sees behind all positions when nothing is new", async () => {
    const fed: InferenceSession.FeedsType[] = [];
    const model = await StepModel.create(standInRuntime(signature, fed), "step.onnx", manifest);
    const state = model.newState();
    await model.run([{ state, tokens: Array(8).fill(30), chunks: [], wait: 1 }]);
    await model.run([{ state, tokens: [], chunks: [30], wait: 1 }]);
    expect(fed[1].pages.dims).toEqual([1, 1, 16]);
    expect(fed[1].places.data).toEqual(Int32Array.of(0, 0, 15));
    expect([state.sourceLength, state.chunkLength]).toEqual([8, 1]);
  });

  it("take no state of another model", async () => {
    const model = await StepModel.create(standInRuntime(signature), "step.onnx", manifest);
    const shape = { sourceStateWidth: 2, slotStateWidth: 2, slotsPerToken: 2, maxSourceTokens: 4 };
    const row = { state: new SegmentState(shape), tokens: [30], chunks: [], wait: 1 };
    await expect(model.run([row])).rejects.toThrow("row 0: its state is another model's");
  });
});
