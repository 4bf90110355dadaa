// A graph in a runtime session: its inputs and outputs checked against their signature once, and each output when it comes.
import type { InferenceSession, Tensor, TypedTensor } from "onnxruntime-common";
import { BundleError } from "./bundle-error.ts";
import type { PaddedTensor } from "./padded-tensors.ts";
import { type StepSignature, signatureMismatch } from "./step-signature.ts";

/** What of onnxruntime is used; onnxruntime-node and onnxruntime-web both have it. */
export interface OnnxRuntime {
  InferenceSession: { create(model: string | Uint8Array, options?: InferenceSession.SessionOptions): Promise<Session> };
  Tensor: typeof Tensor;
}

interface Session {
  readonly inputMetadata: readonly InferenceSession.ValueMetadata[];
  readonly outputMetadata: readonly InferenceSession.ValueMetadata[];
  run(feeds: InferenceSession.FeedsType): Promise<InferenceSession.ReturnType>;
  release(): Promise<void>;
}

/** A graph as messages name it. */
export interface GraphName {
  /** The file in the bundle, such as `step.onnx`. */
  readonly file: string;
  readonly bundle: string;
}

export class GraphSession {
  readonly #ort: OnnxRuntime;
  readonly #session: Session;
  readonly #file: string;

  private constructor(ort: OnnxRuntime, session: Session, file: string) {
    this.#ort = ort;
    this.#session = session;
    this.#file = file;
  }

  /**
   * @param model path (Node) or content of the graph.
   * @throws BundleError `signature` when a tensor is missing or of another type or shape.
   */
  static async open(
    ort: OnnxRuntime,
    model: string | Uint8Array,
    signature: StepSignature,
    { file, bundle }: GraphName,
    options?: InferenceSession.SessionOptions,
  ): Promise<GraphSession> {
    const session = await ort.InferenceSession.create(model, options);
    const mismatch =
      signatureMismatch("input", signature.inputs, session.inputMetadata.map(tensorOf)) ??
      signatureMismatch("output", signature.outputs, session.outputMetadata.map(tensorOf));
    if (mismatch !== undefined) {
      await session.release();
      throw new BundleError("signature", `${file} of bundle "${bundle}": ${mismatch}`);
    }
    return new GraphSession(ort, session, file);
  }

  run(inputs: Readonly<Record<string, PaddedTensor>>): Promise<GraphOutputs> {
    const feeds: Record<string, Tensor> = {};
    for (const [name, { type, data, dims }] of Object.entries(inputs)) {
      feeds[name] = new this.#ort.Tensor(type, data, dims);
    }
    return this.runTensors(feeds);
  }

  /** The same with tensors that are made already. */
  async runTensors(feeds: Readonly<Record<string, Tensor>>): Promise<GraphOutputs> {
    return new GraphOutputs(await this.#session.run(feeds), this.#file);
  }

  /** A tensor over `data`, which is not copied. */
  tensor(type: "float32" | "int32", data: Float32Array | Int32Array, dims: readonly number[]): Tensor {
    return new this.#ort.Tensor(type, data, dims);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** The outputs of one run. */
export class GraphOutputs {
  readonly #outputs: InferenceSession.ReturnType;
  readonly #file: string;

  constructor(outputs: InferenceSession.ReturnType, file: string) {
    this.#outputs = outputs;
    this.#file = file;
  }

  /** @throws BundleError `signature` when the output is of another type or other sizes. */
  data<T extends "int64" | "int32" | "float32">(
    name: string,
    type: T,
    dims: readonly number[],
  ): TypedTensor<T>["data"] {
    const tensor = this.#outputs[name];
    if (!isTensorOf(tensor, type) || tensor.dims.join() !== dims.join()) {
      throw new BundleError(
        "signature",
        `${this.#file}: output "${name}" came as ${tensor?.type}[${tensor?.dims}]; expected ${type}[${dims}]`,
      );
    }
    return tensor.data;
  }
}

function tensorOf(metadata: InferenceSession.ValueMetadata) {
  const { name } = metadata;
  return metadata.isTensor
    ? { name, type: metadata.type, shape: metadata.shape }
    : { name, type: "not a tensor", shape: [] };
}

function isTensorOf<T extends "int64" | "int32" | "float32">(
  tensor: Tensor | undefined,
  type: T,
): tensor is TypedTensor<T> {
  return tensor?.type === type;
}
