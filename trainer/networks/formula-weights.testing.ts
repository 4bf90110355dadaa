// Test support: weights that a formula gives, the same here and in scripts/reference/networks_torch.py.
import { type ParameterSpec, sizeOf, type Weights } from "./parameters.ts";

/** Pseudo-random numbers between −0.3 and 0.3, around 1 for the scales of layer normalisation. */
export function formulaWeights(specs: readonly ParameterSpec[]): Weights {
  const weights: Weights = new Map();
  for (const { name, shape } of specs) {
    const offset = [...name].reduce((sum, letter, place) => sum + letter.charCodeAt(0) * (place + 1), 0);
    const centre = name.endsWith("scale") ? 1 : 0;
    const value = (index: number) => {
      const wave = Math.sin(index * 12.9898 + offset) * 43758.5453;
      return (wave - Math.floor(wave) - 0.5) * 0.6 + centre;
    };
    weights.set(
      name,
      Float32Array.from({ length: sizeOf(shape) }, (_, index) => value(index)),
    );
  }
  return weights;
}
