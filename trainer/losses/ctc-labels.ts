// The states of connectionist temporal classification for a batch of targets: labels with blanks between them.

// B rows, U labels (padded), L = 2U + 1 states.

/** Added where a transition does not exist; finite, so that differences of two of them stay numbers. */
export const IMPOSSIBLE = -1e30;

export interface CtcStates {
  /** `[B, L]`: blank, label, blank, … ; blank behind a row's own last state. */
  readonly states: BigInt64Array;
  /** `[B, L]`: 0 where state s may be entered from s − 2 (a label that differs from the one before), −1e30 elsewhere. */
  readonly skips: Float32Array;
  /** `[B]`: each row's last state, twice its label count. */
  readonly lastStates: BigInt64Array;
}

export interface CtcLabels extends CtcStates {
  /** `[B]`: 1 where the slots suffice for the labels and a blank between equal neighbours, else 0. */
  readonly feasible: Uint8Array;
  /** L. */
  readonly stateCount: number;
}

/**
 * Lays out the states of each row (Graves et al. 2006, section 4.1).
 * @param target label ids `[rows, U]`, of which the first `targetLengths[row]` count.
 * @param slotLengths slots of each row.
 * @throws RangeError when a target length lies outside 0 … U.
 */
export function ctcLabels(
  target: Int32Array,
  targetLengths: Int32Array,
  slotLengths: Int32Array,
  rows: number,
  U: number,
  blank: number,
): CtcLabels {
  const stateCount = 2 * U + 1;
  const states = new BigInt64Array(rows * stateCount).fill(BigInt(blank));
  const skips = new Float32Array(rows * stateCount).fill(IMPOSSIBLE);
  const lastStates = new BigInt64Array(rows);
  const feasible = new Uint8Array(rows);
  for (let row = 0; row < rows; row += 1) {
    const length = targetLengths[row]!;
    if (!(length >= 0 && length <= U))
      throw new RangeError(`row ${row} has ${length} labels, the batch holds 0 to ${U}`);
    let needed = length;
    for (let place = 0; place < length; place += 1) {
      const label = target[row * U + place]!;
      const state = row * stateCount + 2 * place + 1;
      states[state] = BigInt(label);
      if (place === 0) continue; // the first label is entered from the blank before it
      if (label === target[row * U + place - 1]) needed += 1;
      else skips[state] = 0;
    }
    lastStates[row] = BigInt(2 * length);
    feasible[row] = Number(slotLengths[row]! >= needed);
  }
  return { states, skips, lastStates, feasible, stateCount };
}
