// The layers of a step graph: a student's blocks with fewer, larger products than in training, from the same weights.
import type { Graph, Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import type { Weights } from "../networks/parameters.ts";
import type { Architecture } from "../networks/transformer.ts";
import type { Matrix, RowProduct } from "./row-product.ts";

// X rows, D width, F feed-forward width.

/** The running sum of a pre-norm Transformer, and what is to be added to it before the next norm, in one operator. */
export interface Stream {
  readonly sum: Value; // [X, D]
  readonly addend: Value; // [X, D]
  readonly bias?: Float32Array; // [D]
}

/** Weights by the training graph's names, and the products over them. */
export class StepLayers {
  readonly graph: Graph;
  readonly #weights: Weights;
  readonly #sizes: Architecture;
  readonly #product: RowProduct;

  constructor(graph: Graph, weights: Weights, sizes: Architecture, product: RowProduct) {
    this.graph = graph;
    this.#weights = weights;
    this.#sizes = sizes;
    this.#product = product;
  }

  /** @throws Error when the weights hold no such parameter. */
  values(name: string): Float32Array {
    const values = this.#weights.get(name);
    if (!values) throw new Error(`the weights hold no ${name}`);
    return values;
  }

  vector(values: Float32Array): Value {
    return this.graph.constant(values, [values.length]);
  }

  matrix(name: string, inWidth = this.#sizes.width, outWidth = this.#sizes.width): Matrix {
    return { values: this.values(`${name}.weight`), inWidth, outWidth };
  }

  product(x: Value, matrix: Matrix): Value {
    return this.#product(x, matrix);
  }

  /** Adds what is to be added and normalises the sum. */
  norm(name: string, { sum, addend, bias }: Stream): { normed: Value; sum: Value } {
    const terms = [sum, addend, ...(bias ? [this.vector(bias)] : [])];
    const [whole] = this.graph.node("Sum", terms, [{ type: "float32", shape: sum.shape }]);
    const scale = this.vector(this.values(`${name}.scale`));
    return { normed: op.layerNorm(whole!, scale, this.vector(this.values(`${name}.bias`))), sum: whole! };
  }

  /** x minus the negative bias: onnxruntime would take an Add into the int8 product, before its scale by row. */
  biased(x: Value, bias: Float32Array): Value {
    return op.sub(x, this.vector(bias.map((value) => -value)));
  }

  /** The query's weight with attention's scale in it. */
  queryMatrix(name: string): Matrix {
    const matrix = this.matrix(`${name}.query`);
    return { ...matrix, values: matrix.values.map((value) => value * this.#scale) };
  }

  /** Queries `[X, D]` with their bias, scaled. */
  queries(name: string, product: Value): Value {
    return this.biased(
      product,
      this.values(`${name}.query.bias`).map((value) => value * this.#scale),
    );
  }

  /**
   * An attention's output projection. The bias of its values goes through it, since weights sum to 1; that of its keys
   * moves all of a query's scores alike, and is left out.
   */
  attended(name: string, answers: Value): Omit<Stream, "sum"> {
    const { width } = this.#sizes;
    const output = this.matrix(`${name}.output`);
    const values = this.values(`${name}.value.bias`);
    const bias = Float32Array.from({ length: width }, (_, column) => {
      let sum = this.values(`${name}.output.bias`)[column]!;
      for (let row = 0; row < width; row += 1) sum += values[row]! * output.values[row * width + column]!;
      return sum;
    });
    return { addend: this.product(answers, output), bias };
  }

  feedForward(name: string, x: Value): Omit<Stream, "sum"> {
    const { width, feedForward } = this.#sizes;
    const inner = this.product(x, this.matrix(`${name}.inner`, width, feedForward));
    const biased = this.biased(inner, this.values(`${name}.inner.bias`));
    const outer = this.#product(biased, this.matrix(`${name}.outer`, feedForward, width), { negativeIsZero: true });
    return { addend: outer, bias: this.values(`${name}.outer.bias`) };
  }

  get #scale(): number {
    return 1 / Math.sqrt(this.#sizes.width / this.#sizes.heads);
  }
}
