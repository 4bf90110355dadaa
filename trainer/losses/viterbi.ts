// The likeliest alignment of labels with slots under CTC (Viterbi 1967), for glancing and for warm starts.
import { type CtcStates, IMPOSSIBLE } from "./ctc-labels.ts";

// B rows, T slots, L states.

/**
 * For each slot the id that the best path of the row's labels puts there.
 * @param emissions log-probabilities of each state's label at each slot, `[T, B, L]`, as `emissions()` of ctc.ts gives.
 * @param slotLengths slots of each row, at most T.
 * @returns ids `[B, T]`; blank behind a row's own slots, and throughout a row whose slots do not suffice.
 */
export function viterbiAlignments(
  emissions: Float32Array,
  T: number,
  B: number,
  L: number,
  labels: CtcStates,
  slotLengths: Int32Array,
): Int32Array {
  const { states, skips, lastStates } = labels;
  const ids = new Int32Array(B * T);
  const moves = new Uint8Array(T * L); // how each state was entered: from 0, 1 or 2 states before
  let scores = new Float64Array(L);
  let next = new Float64Array(L);
  for (let row = 0; row < B; row += 1) {
    const slots = slotLengths[row]!;
    const last = Number(lastStates[row]);
    const own = row * L;
    ids.fill(Number(states[own]), row * T, (row + 1) * T);
    scores.fill(IMPOSSIBLE).fill(0, 0, 1); // as if on the first blank before the first slot
    for (let slot = 0; slot < slots; slot += 1) {
      const emitted = (slot * B + row) * L;
      for (let state = 0; state <= last; state += 1) {
        let best = scores[state]!;
        let move = 0;
        if (state >= 1 && scores[state - 1]! > best) [best, move] = [scores[state - 1]!, 1];
        if (state >= 2 && skips[own + state] === 0 && scores[state - 2]! > best) [best, move] = [scores[state - 2]!, 2];
        moves[slot * L + state] = move;
        next[state] = best + emissions[emitted + state]!;
      }
      [scores, next] = [next, scores];
    }
    let state = last > 0 && scores[last - 1]! > scores[last]! ? last - 1 : last;
    if (slots === 0 || scores[state]! <= IMPOSSIBLE / 2) continue; // no path ends here
    for (let slot = slots - 1; slot >= 0; slot -= 1) {
      ids[row * T + slot] = Number(states[own + state]);
      state -= moves[slot * L + state]!;
    }
  }
  return ids;
}
