// Connectionist temporal classification (Graves et al. 2006) in log space, forward and backward as ONNX Scans.
import { Graph, type RowGradient, type Value } from "../graph/graph.ts";
import * as op from "../graph/ops.ts";
import { IMPOSSIBLE } from "./ctc-labels.ts";

// B sentences, T slots, U labels, L = 2U + 1 states (blanks between the labels), V vocabulary.

export interface CtcInputs {
  /** `[B·T, V]` */
  readonly logits: Value;
  /** int64 `[B, L]`: labels with blanks before, between and after; anything behind a row's own 2U + 1 states. */
  readonly states: Value;
  /** float `[B, L]`: 0 where state s may be entered from s − 2 (two different labels), −1e30 elsewhere. */
  readonly skips: Value;
  /** int64 `[B, 1]`: each row's own last state, 2U. */
  readonly lastStates: Value;
  /** int64 `[B]`: slots of each row. */
  readonly slotLengths: Value;
  /** float `[B]`: 0 leaves a row out (infeasible: fewer slots than labels and repeats). */
  readonly weights: Value;
  readonly blank: number;
  /** int64 `[2]`: B and T. */
  readonly sizes: Value;
}

export interface CtcOutputs {
  /** Σ_b weights[b] · −log p(labels_b). */
  readonly loss: Value;
  /** `[B]`: −log p(labels_b). */
  readonly perRow: Value;
  /** `[B, T, L]`: the probability, given the labels, that a slot is in a state; no gradient goes through it. */
  readonly posterior: Value;
}

/** Log-probabilities of each state's label at each slot, `[T, B, L]`; slots behind a row's end emit blank for nothing. */
export function emissions(inputs: Omit<CtcInputs, "weights" | "skips" | "lastStates">, probabilities: Value): Value {
  const { states, sizes, slotLengths, blank } = inputs;
  const stateCount = op.shapeOf(states, 1, 2);
  const target = op.concat([sizes, stateCount], 0, 3);
  const wide = op.expand(op.reshape(states, ["B", 1, "L"], [0, 1, -1]), ["B", "T", "L"], target);
  const rows = op.reshape(wide, ["B*T", "L"], op.concat([states.graph.ints([-1]), stateCount], 0, 2));
  const gathered = op.log(op.maximum(op.gatherElements(probabilities, rows), 1e-37)); // [B·T, L]
  const byRow = op.reshape(gathered, ["B", "T", "L"], target);
  const slots = op.reshape(op.range(0, op.reshape(op.slice(sizes, 0, 1, 2), [], []), "T"), [1, "T", 1], [1, -1, 1]);
  const present = op.less(slots, op.reshape(slotLengths, ["B", 1, 1], [-1, 1, 1]));
  const zero = states.graph.floats(0);
  const idle = op.where(
    op.equal(op.reshape(states, ["B", 1, "L"], [0, 1, -1]), blank),
    zero,
    states.graph.floats(IMPOSSIBLE),
  );
  return op.transpose(op.where(present, byRow, idle), [1, 0, 2]); // [T, B, L]
}

/** The loss and, through a hand-written rule, its gradient: softmax − posterior (Graves et al. 2006, eq. 16). */
export function ctcLoss(inputs: CtcInputs): CtcOutputs {
  const { logits, states, skips, lastStates, weights, sizes, slotLengths } = inputs;
  const graph = logits.graph;
  const probabilities = op.softmax(logits);
  const emitted = emissions(inputs, probabilities);
  const batch = op.slice(sizes, 0, 0, 1);
  const column = op.filled(op.concat([batch, graph.ints([1])], 0, 2), ["B", 1], IMPOSSIBLE);

  // Before the first slot all mass stands on state 0: from there the first slot may enter state 0 or 1.
  const stateNumbers = op.reshape(op.range(0, op.reshape(op.shapeOf(states, 1, 2), [], []), "L"), [1, "L"], [1, -1]);
  const indicator = (place: Value) =>
    op.where(op.equal(stateNumbers, place), graph.floats(0), graph.floats(IMPOSSIBLE)); // [·, L]
  const start = op.expand(indicator(graph.ints([0])), ["B", "L"], op.shapeOf(states));
  const forward = recursion("ahead", start, emitted, skips, column, false);
  const backwardValues = recursion("back", indicator(lastStates), emitted, skips, column, true);

  // p(labels): the last slot's forward values at the last blank and the last label
  const last = op.maximum(op.sub(lastStates, 1), 0);
  const atBlank = op.gatherElements(forward.final, lastStates); // [B, 1]
  const atLabel = op.where(
    op.equal(lastStates, last),
    graph.floats(IMPOSSIBLE),
    op.gatherElements(forward.final, last),
  );
  const logLikelihood = logAdd(atBlank, atLabel); // [B, 1]
  const perRow = op.neg(op.reshape(logLikelihood, ["B"], [-1]));
  // where() and not a product: a left-out row's loss may be enormous
  const counted = op.where(op.less(graph.floats(0), weights), op.mul(perRow, weights), graph.floats(0));

  const logPosterior = op.sub(
    op.sub(op.add(forward.all, backwardValues.all), emitted),
    op.reshape(logLikelihood, [1, "B", 1], [1, -1, 1]),
  );
  const posterior = op.transpose(op.exp(op.minimum(logPosterior, 0)), [1, 0, 2]); // [B, T, L]

  const rule = (dy: Value): readonly RowGradient[] => {
    const scale = op.mul(weights, dy); // [B]
    const slots = op.reshape(op.range(0, op.reshape(op.slice(sizes, 0, 1, 2), [], []), "T"), [1, "T"], [1, -1]);
    const present = op.less(slots, op.reshape(slotLengths, ["B", 1], [-1, 1]));
    const perSlot = op.where(present, op.reshape(scale, ["B", 1], [-1, 1]), graph.floats(0)); // [B, T]
    const values = op.mul(posterior, op.reshape(op.neg(perSlot), ["B", "T", 1], [0, -1, 1])); // [B, T, L]
    const perRow = op.reshape(perSlot, ["B*T", 1], [-1, 1]);
    return [{ kind: "rows", base: probabilities, scale: perRow, offset: 0, ids: states, values }];
  };
  const [loss] = graph.node(
    "Identity",
    [op.sumAll(counted)],
    [{ type: "float32", shape: [] }],
    {},
    { customGradient: { inputs: [logits], rule } },
  );
  return { loss: loss!, perRow, posterior };
}

function logAdd(a: Value, b: Value): Value {
  const top = op.maximum(a, b);
  return op.add(top, op.log(op.add(op.exp(op.sub(a, top)), op.exp(op.sub(b, top)))));
}

/**
 * One direction of the recursion over slots: v_t(s) = e_t(s) + logsumexp(v(s), v(s ∓ 1), v(s ∓ 2) where a skip may be).
 * Backward values include the slot's own emission, so forward + backward − emission is the joint.
 */
function recursion(
  name: string,
  initial: Value,
  emitted: Value,
  skips: Value,
  column: Value,
  reverse: boolean,
): { final: Value; all: Value } {
  const body = new Graph(`${name}_`);
  const previous = body.input(`${name}_previous`, "float32", ["B", "L"]);
  const emission = body.input(`${name}_emission`, "float32", ["B", "L"]);
  // `skips` and `column` belong to the outer graph: a Scan's body sees the values around it. The skip of a backward
  // walk belongs to the state it comes from, so it is added before the shift.
  const outer = (value: Value): Value => ({ ...value, graph: body });
  const shift = (x: Value) =>
    reverse
      ? op.concat([op.slice(x, 1, 1, Number.MAX_SAFE_INTEGER, "L-1"), outer(column)], 1, "L")
      : op.concat([outer(column), op.slice(x, 1, 0, -1, "L-1")], 1, "L");
  const stay = previous;
  const step = shift(previous);
  const skip = reverse ? shift(shift(op.add(previous, outer(skips)))) : op.add(shift(step), outer(skips));
  const top = op.maximum(op.maximum(stay, step), skip);
  const sum = [stay, step, skip].map((x) => op.exp(op.sub(x, top))).reduce((a, b) => op.add(a, b));
  const next = op.add(op.add(top, op.log(sum)), emission);
  const [final, all] = op.scan(
    { graph: body, outputs: [next, op.identity(next)] },
    [initial],
    [emitted],
    [
      { type: "float32", shape: ["B", "L"] },
      { type: "float32", shape: ["T", "B", "L"] },
    ],
    reverse,
  );
  return { final: final!, all: all! };
}
