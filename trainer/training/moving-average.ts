// An exponential moving average of the weights over the steps of a training (Polyak & Juditsky 1992, with a fixed horizon).
import type { Weights } from "../networks/parameters.ts";

/**
 * What of the weights after update `step` (from 1) the average takes in. Early on the horizon is short, (1 + t) / (10 + t),
 * so that the weights of the start, which are worth little, are soon forgotten.
 */
export const averageShare = (decay: number, step: number): number => 1 - Math.min(decay, (1 + step) / (10 + step));

export class MovingAverage {
  readonly #decay: number;
  readonly #means: Weights;

  /**
   * @param decay the share of the old average that a step keeps, in [0, 1).
   * @param start weights to begin with: the first of a training, or what `weights` gave.
   */
  constructor(decay: number, start: Weights) {
    this.#decay = decay;
    this.#means = new Map([...start].map(([name, values]) => [name, values.slice()]));
  }

  /**
   * Takes in the weights after update `step`, from 1.
   * @throws Error for weights of another network.
   */
  add(weights: ReadonlyMap<string, Float32Array>, step: number): void {
    const taken = averageShare(this.#decay, step);
    for (const [name, means] of this.#means) {
      const now = weights.get(name);
      if (now?.length !== means.length) throw new Error(`parameter ${name} is not among what is averaged`);
      for (let index = 0; index < means.length; index += 1) means[index]! += taken * (now[index]! - means[index]!);
    }
  }

  /** The average now; a copy, so that training may go on. */
  weights(): Weights {
    return new Map([...this.#means].map(([name, values]) => [name, values.slice()]));
  }
}
