// What a CTC student's slots hold: blanks, tokens, and repeats inside chunks and across their borders.
import { CtcCollapse } from "../../models/collapse.ts";
import type { StepRunner, StepState } from "../../models/step-runner.ts";
import { BLANK_ID } from "../../models/vocabulary.ts";

export interface SlotStatistics {
  /** Share of the slots that are blank. */
  readonly blankShare: number;
  /** Target tokens a slot, once collapsed. */
  readonly tokensPerSlot: number;
  /** Share of the tokens that equal the token before. */
  readonly repeatedTokens: number;
  /** Share of these whose two tokens stand in different chunks; null where nothing is repeated. */
  readonly repeatsAtBorders: number | null;
}

/** A runner that does what another does, and keeps the slots of every segment. */
export class RecordingRunner implements StepRunner {
  readonly maxSourceTokens: number;
  readonly #runner: StepRunner;
  readonly #slots = new Map<StepState, number[]>();

  constructor(runner: StepRunner) {
    this.#runner = runner;
    this.maxSourceTokens = runner.maxSourceTokens;
  }

  readonly newDecoder: StepRunner["newDecoder"] = (wait) => this.#runner.newDecoder(wait);
  readonly newState: StepRunner["newState"] = () => this.#runner.newState();
  readonly run: StepRunner["run"] = async (rows) => {
    const results = await this.#runner.run(rows);
    for (const [row, { slotIds }] of results.entries()) {
      const { state } = rows[row]!;
      const kept = this.#slots.get(state) ?? [];
      kept.push(...slotIds);
      this.#slots.set(state, kept);
    }
    return results;
  };

  /** Slot ids of every segment so far, which are then forgotten. */
  take(): number[][] {
    const all = [...this.#slots.values()];
    this.#slots.clear();
    return all;
  }
}

/** @param segments slot ids of each segment, λ for each chunk. */
export function slotStatistics(segments: readonly (readonly number[])[], slotsPerToken: number): SlotStatistics {
  const counts = { slots: 0, blanks: 0, tokens: 0, repeats: 0, borders: 0 };
  for (const slots of segments) {
    const collapse = new CtcCollapse();
    let last: { id: number; chunk: number } | undefined;
    for (let start = 0; start < slots.length; start += slotsPerToken) {
      const chunk = slots.slice(start, start + slotsPerToken);
      counts.slots += chunk.length;
      counts.blanks += chunk.filter((id) => id === BLANK_ID).length;
      for (const id of collapse.push(chunk)) {
        counts.tokens += 1;
        if (last?.id === id) {
          counts.repeats += 1;
          if (last.chunk !== start) counts.borders += 1;
        }
        last = { id, chunk: start };
      }
    }
  }
  const { slots, blanks, tokens, repeats, borders } = counts;
  return {
    blankShare: blanks / Math.max(1, slots),
    tokensPerSlot: tokens / Math.max(1, slots),
    repeatedTokens: repeats / Math.max(1, tokens),
    repeatsAtBorders: repeats > 0 ? borders / repeats : null,
  };
}

/** Share of the words that equal the word before, case and punctuation at their ends aside. */
export function repeatedWords(texts: readonly string[]): number {
  let words = 0;
  let repeats = 0;
  for (const text of texts) {
    const folded = text.split(/\s+/u).map((word) => word.toLowerCase().replace(/^\P{L}+|\P{L}+$/gu, ""));
    const spoken = folded.filter((word) => word !== "");
    words += spoken.length;
    repeats += spoken.filter((word, place) => word === spoken[place - 1]).length;
  }
  return repeats / Math.max(1, words);
}
