// Test support: runs a graph on onnxruntime-node, and takes gradients by central differences.
import * as ort from "onnxruntime-node";
import type { ElementType, Graph, Value } from "./graph.ts";
import { type NamedOutputs, serializeModel } from "./onnx.ts";

/** A tensor of a test: its values, row-major, and its sizes. Whole numbers become int64 where the input is int64. */
export interface Sample {
  readonly data: ArrayLike<number>;
  readonly dims: readonly number[];
}

/** A graph with a session of its own, to be run many times. */
export interface OpenGraph {
  /** Values of every output by name. */
  run(samples: Readonly<Record<string, Sample>>): Promise<Record<string, Sample>>;
  release(): Promise<void>;
}

/** @throws Error of the runtime when the model is not valid: that, too, is what tests want to know. */
export async function openGraph(graph: Graph, outputs: NamedOutputs): Promise<OpenGraph> {
  const session = await ort.InferenceSession.create(serializeModel(graph, outputs), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const inputs = new Map(graph.inputs.map((input) => [input.name, input]));
  return {
    async run(samples) {
      const feeds: Record<string, ort.Tensor> = {};
      for (const [name, sample] of Object.entries(samples)) {
        const input = inputs.get(name);
        if (!input) throw new Error(`the graph has no input ${name}`);
        feeds[name] = tensorOf(input.type, sample);
      }
      const results = await session.run(feeds);
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, sampleOf(tensor)]));
    },
    release: () => session.release(),
  };
}

/** Runs a graph once. */
export async function evaluateGraph(
  graph: Graph,
  outputs: NamedOutputs,
  samples: Readonly<Record<string, Sample>>,
): Promise<Record<string, Sample>> {
  const open = await openGraph(graph, outputs);
  try {
    return await open.run(samples);
  } finally {
    await open.release();
  }
}

/**
 * The gradient of the scalar output `loss` with respect to the input `name`, element by element, by the five-point
 * central difference (8·(f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))) / 12h. Its error falls with h⁴, so that h may be large
 * enough for the rounding of float32: both stay below about 1e-4 for losses and inputs near 1.
 */
export async function centralDifferences(
  open: OpenGraph,
  samples: Readonly<Record<string, Sample>>,
  name: string,
  loss: string,
  h = 1 / 64, // a power of 2: x ± h is exact for most x
): Promise<Float64Array> {
  const sample = samples[name];
  if (!sample) throw new Error(`no sample for input ${name}`);
  const at = async (element: number, value: number): Promise<number> => {
    const data = Float32Array.from(sample.data);
    data[element] = value;
    const results = await open.run({ ...samples, [name]: { data, dims: sample.dims } });
    return Number(results[loss]?.data[0]);
  };
  const gradient = new Float64Array(sample.data.length);
  for (let element = 0; element < gradient.length; element += 1) {
    const x = sample.data[element]!;
    const across = async (reach: number) => (await at(element, x + reach)) - (await at(element, x - reach));
    gradient[element] = (8 * (await across(h)) - (await across(2 * h))) / (12 * h);
  }
  return gradient;
}

/** The largest difference of two lists, for messages that say more than "not equal". */
export function largestDifference(left: ArrayLike<number>, right: ArrayLike<number>): number {
  if (left.length !== right.length) throw new Error(`${left.length} values against ${right.length}`);
  let largest = 0;
  for (let index = 0; index < left.length; index += 1) {
    const difference = Math.abs(left[index]! - right[index]!);
    if (!(difference <= largest)) largest = difference; // so that NaN is seen
  }
  return largest;
}

/** A parameter of a test graph: a differentiable float input. */
export const variable = (graph: Graph, name: string, shape: Value["shape"]): Value =>
  graph.input(name, "float32", shape, true);

function tensorOf(type: ElementType, { data, dims }: Sample): ort.Tensor {
  const list = Array.from(data);
  switch (type) {
    case "float32":
      return new ort.Tensor("float32", Float32Array.from(list), dims);
    case "int64":
      return new ort.Tensor("int64", BigInt64Array.from(list, BigInt), dims);
    case "int32":
      return new ort.Tensor("int32", Int32Array.from(list), dims);
    case "uint8":
      return new ort.Tensor("uint8", Uint8Array.from(list), dims);
    case "int8":
      return new ort.Tensor("int8", Int8Array.from(list), dims);
    case "bool":
      return new ort.Tensor("bool", Uint8Array.from(list), dims);
  }
}

function sampleOf(tensor: ort.Tensor): Sample {
  const { data, dims } = tensor;
  if (!Array.isArray(data)) return { data: Array.from(data, Number), dims };
  throw new Error("outputs of text are not expected");
}
