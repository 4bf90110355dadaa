// The parameters of a network: declared where they are used, kept as graph inputs in training, as constants in export.
import { type Graph, GraphError, type Value } from "../graph/graph.ts";
import { Random } from "../random.ts";

/** How a parameter starts. `normal` is scaled to the deviation, `constant` is filled. */
export type Initial = { normal: number } | { constant: number };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initial: Initial;
}

/** Weights by parameter name, each row-major in its parameter's shape. */
export type Weights = Map<string, Float32Array>;

/** Weights with their shapes, as a file of them has both. */
export interface ShapedWeights {
  readonly tensors: Weights;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
}

export class Parameters {
  readonly graph: Graph;
  readonly specs: ParameterSpec[] = [];
  readonly values = new Map<string, Value>();
  readonly #weights: Weights | undefined;

  /** @param weights when given, parameters become constants of the graph with these values. */
  constructor(graph: Graph, weights?: Weights) {
    this.graph = graph;
    this.#weights = weights;
  }

  /** Declares the parameter at its first use and returns its value at every use. */
  get(name: string, shape: readonly number[], initial: Initial): Value {
    const known = this.values.get(name);
    if (known) return known;
    this.specs.push({ name, shape, initial });
    const value = this.#weights ? this.#constant(name, shape) : this.graph.input(name, "float32", shape, true);
    this.values.set(name, value);
    return value;
  }

  #constant(name: string, shape: readonly number[]): Value {
    const data = this.#weights?.get(name);
    if (!data) throw new GraphError(`the weights hold no parameter ${name}`);
    return this.graph.constant(data, shape);
  }
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

/**
 * Starting values. A parameter found in `from` in the same shape is copied (a warm start); the rest is drawn from the
 * seed and the parameter's name, so that adding a parameter changes no other.
 * @returns the weights and the names that were copied.
 */
export function initialWeights(
  specs: readonly ParameterSpec[],
  seed: number,
  from?: ShapedWeights,
): { weights: Weights; copied: string[] } {
  const weights: Weights = new Map();
  const copied: string[] = [];
  for (const { name, shape, initial } of specs) {
    const size = sizeOf(shape);
    const given = from?.tensors.get(name);
    if (given && from?.shapes.get(name)?.join() === shape.join()) {
      weights.set(name, given.slice());
      copied.push(name);
      continue;
    }
    const values = new Float32Array(size);
    if ("constant" in initial) values.fill(initial.constant);
    else {
      const random = new Random(seed, "initial", name);
      for (let index = 0; index < size; index += 1) values[index] = random.normal() * initial.normal;
    }
    weights.set(name, values);
  }
  return { weights, copied };
}
