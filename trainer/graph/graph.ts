// The computation graph that a training step or an exported model is written in: typed values and ONNX nodes.

/** A dimension: a number known now, or a symbol such as "B" that is the same number wherever it stands in one graph. */
export type Dim = number | string;
export type Shape = readonly Dim[];
export type ElementType = "float32" | "int64" | "int32" | "uint8" | "int8" | "bool";
/** TensorProto.DataType of the ONNX project. */
export const ONNX_ELEMENT_TYPES: Record<ElementType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
};

export type Attribute = number | string | readonly number[] | Subgraph | { readonly float: number };

/** The output of a node, an input of the graph, or a constant. */
export interface Value {
  readonly graph: Graph;
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  /** True where the loss may be differentiated through this value. */
  readonly differentiable: boolean;
}

export interface GraphNode {
  readonly op: string;
  /** "souffleur" holds notes for runtimes that make gradients themselves; onnxruntime is never given one. */
  readonly domain: "" | "com.microsoft" | "souffleur";
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** A gradient written by hand for a composite such as a loss; it replaces the rule of the table. */
  readonly customGradient?: CustomGradient;
}

export interface CustomGradient {
  readonly inputs: readonly Value[];
  /** Gradients of `inputs` from the gradient of the node's first output. */
  readonly rule: (outputGradient: Value) => readonly (Gradient | undefined)[];
}

/** A gradient: its value, or what it is made of where its uses can do without the value. */
export type Gradient = Value | RowGradient | ScatteredGradient;

/**
 * A gradient `[N, V]` of a loss over logits, in parts: `scale · (base + offset)`, and `values` added at the columns `ids`.
 * A product that made the logits passes it on without another array of that size (row-gradient.ts).
 */
export interface RowGradient {
  readonly kind: "rows";
  readonly base: Value; // [N, V]
  readonly scale: Value; // [N, 1]
  readonly offset: number;
  /** N = B·T rows: those of one b share their columns. */
  readonly ids: Value; // int64 [B, L]
  readonly values: Value; // [B, T, L]
}

/** A gradient of a table `[V, …]` that is 0 but for `rows` `[N, …]`, added at the row numbers `places` `[N, 1]`. */
export interface ScatteredGradient {
  readonly kind: "scattered";
  readonly table: Value;
  readonly places: Value;
  readonly rows: Value;
}

export interface Constant {
  readonly value: Value;
  readonly data: Float32Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;
}

/** The body of a Scan: a graph with its own inputs and outputs, in the order that the operator defines. */
export interface Subgraph {
  readonly graph: Graph;
  readonly outputs: readonly Value[];
}

export class GraphError extends Error {
  override name = "GraphError";
}

export interface OutputSpec {
  type: ElementType;
  shape: Shape;
}

export class Graph {
  readonly inputs: Value[] = [];
  readonly nodes: GraphNode[] = [];
  readonly constants: Constant[] = [];
  readonly #prefix: string;
  readonly #scalars = new Map<string, Value>();
  #count = 0;

  /** @param prefix begins every generated name: bodies of Scan need names of their own. */
  constructor(prefix = "") {
    this.#prefix = prefix;
  }

  /** Declares an input. Trainable parameters are inputs with `differentiable: true`. */
  input(name: string, type: ElementType, shape: Shape, differentiable = false): Value {
    if (this.inputs.some((input) => input.name === name)) throw new GraphError(`input ${name} is declared twice`);
    const value: Value = { graph: this, name, type, shape, differentiable };
    this.inputs.push(value);
    return value;
  }

  constant(data: Constant["data"], shape: readonly number[]): Value {
    const size = shape.reduce((product, dim) => product * dim, 1);
    if (size !== data.length)
      throw new GraphError(`constant of shape [${shape}] needs ${size} values, got ${data.length}`);
    const value: Value = {
      graph: this,
      name: this.#fresh("constant"),
      type: elementTypeOf(data),
      shape,
      differentiable: false,
    };
    this.constants.push({ value, data });
    return value;
  }

  /** A scalar or small vector; equal ones are stored once. */
  floats(values: number | readonly number[]): Value {
    return this.#shared("f", values, (list) => Float32Array.from(list));
  }

  ints(values: number | readonly number[]): Value {
    return this.#shared("i", values, (list) => BigInt64Array.from(list, BigInt));
  }

  /**
   * Adds a node and returns its outputs. Shapes are the caller's (ops.ts infers them).
   * @throws GraphError when an input belongs to another graph.
   */
  node(
    op: string,
    inputs: readonly (Value | undefined)[],
    outputs: readonly OutputSpec[],
    attributes: Readonly<Record<string, Attribute>> = {},
    options: { domain?: GraphNode["domain"]; customGradient?: CustomGradient } = {},
  ): Value[] {
    const foreign = inputs.find((input) => input && input.graph !== this);
    if (foreign) throw new GraphError(`${op} was given ${foreign.name}, which belongs to another graph`);
    const reaches = options.customGradient ? options.customGradient.inputs : inputs;
    const differentiable = reaches.some((input) => input?.differentiable);
    const values = outputs.map(
      (output): Value => ({
        graph: this,
        name: this.#fresh(op),
        type: output.type,
        shape: output.shape,
        differentiable: differentiable && output.type === "float32",
      }),
    );
    this.nodes.push({
      op,
      domain: options.domain ?? "",
      inputs,
      outputs: values,
      attributes,
      customGradient: options.customGradient,
    });
    return [...values]; // a copy: callers may consume theirs
  }

  #shared(
    kind: string,
    values: number | readonly number[],
    make: (list: readonly number[]) => Constant["data"],
  ): Value {
    const list = typeof values === "number" ? [values] : values;
    const shape = typeof values === "number" ? [] : [values.length];
    const key = `${kind}:${shape.length}:${list.join(",")}`;
    let value = this.#scalars.get(key);
    if (!value) {
      value = this.constant(make(list), shape);
      this.#scalars.set(key, value);
    }
    return value;
  }

  #fresh(stem: string): string {
    this.#count += 1;
    return `${this.#prefix}${stem}_${this.#count}`;
  }
}

function elementTypeOf(data: Constant["data"]): ElementType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof BigInt64Array) return "int64";
  if (data instanceof Int32Array) return "int32";
  if (data instanceof Uint8Array) return "uint8";
  return "int8";
}
