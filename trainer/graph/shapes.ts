// Shape inference over dimensions that may be symbols.
import { type Dim, GraphError, type Shape } from "./graph.ts";

/** Numpy broadcasting. A symbol never equals 1: a dimension that may broadcast is written as 1. */
export function broadcastShapes(left: Shape, right: Shape): Shape {
  const rank = Math.max(left.length, right.length);
  const result: Dim[] = [];
  for (let axis = 0; axis < rank; axis += 1) {
    const a = left[left.length - rank + axis] ?? 1;
    const b = right[right.length - rank + axis] ?? 1;
    if (a !== b && a !== 1 && b !== 1) {
      throw new GraphError(`shapes [${left}] and [${right}] do not broadcast: ${a} against ${b}`);
    }
    result.push(a === 1 ? b : a);
  }
  return result;
}

/** @throws GraphError unless `shape` broadcasts to exactly `target`. */
export function broadcastTo(shape: Shape, target: Shape): void {
  const offset = target.length - shape.length;
  const fits = offset >= 0 && shape.every((dim, axis) => dim === 1 || dim === target[offset + axis]);
  if (!fits) throw new GraphError(`shape [${shape}] does not broadcast to [${target}]`);
}

/** Elements of a shape without symbols. */
export function sizeIfKnown(shape: Shape): number | undefined {
  return shape.every((dim) => typeof dim === "number") ? shape.reduce((product, dim) => product * dim, 1) : undefined;
}

/** The length of `start:end` of a dimension; undefined where a symbol or a computed bound hides it. */
export function sliceLength(dim: Dim, start: unknown, end: unknown): number | undefined {
  if (typeof start !== "number" || typeof end !== "number") return undefined;
  if (typeof dim === "number") {
    const place = (bound: number) => Math.min(Math.max(bound < 0 ? bound + dim : bound, 0), dim);
    return Math.max(place(end) - place(start), 0);
  }
  return start >= 0 && end >= start ? end - start : undefined;
}

/**
 * Axes over which a gradient of shape `full` is summed to bring it back to `target`: those that broadcasting added in
 * front, and those that it stretched from 1.
 */
export function broadcastAxes(full: Shape, target: Shape): { leading: number[]; stretched: number[] } {
  const added = full.length - target.length;
  const axes = full.map((_, axis) => axis);
  return {
    leading: axes.slice(0, added),
    stretched: axes.slice(added).filter((axis) => target[axis - added] === 1 && full[axis] !== 1),
  };
}

export function normalizeAxis(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive >= rank) throw new GraphError(`axis ${axis} is outside a tensor of rank ${rank}`);
  return positive;
}

export function reduceShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  const reduced = new Set(axes.map((axis) => normalizeAxis(axis, shape.length)));
  if (keepDims) return shape.map((dim, axis) => (reduced.has(axis) ? 1 : dim));
  return shape.filter((_, axis) => !reduced.has(axis));
}

/** Shape of a matrix product; leading axes broadcast. */
export function matMulShape(left: Shape, right: Shape, transposeLeft: boolean, transposeRight: boolean): Shape {
  if (left.length < 2 || right.length < 2) throw new GraphError(`matMul needs matrices, got [${left}] and [${right}]`);
  const [leftRows, leftColumns] = swapIf(left.slice(-2), transposeLeft);
  const [rightRows, rightColumns] = swapIf(right.slice(-2), transposeRight);
  if (leftColumns !== rightRows) {
    throw new GraphError(`matMul of [${left}] and [${right}]: inner dimensions ${leftColumns} and ${rightRows} differ`);
  }
  return [...broadcastShapes(left.slice(0, -2), right.slice(0, -2)), leftRows as Dim, rightColumns as Dim];
}

function swapIf(pair: Shape, swap: boolean): Shape {
  return swap ? [pair[1] as Dim, pair[0] as Dim] : pair;
}
