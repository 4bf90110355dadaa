// Greedy CTC collapse (Graves et al. 2006), carried over the chunks of a segment.
import { BLANK_ID, isWritten } from "./vocabulary.ts";

/**
 * Slots to target ids: repeats become one, then blanks go. What is carried from chunk to chunk is the last slot's id, not
 * the last id emitted: `A ∅ | A` is two A's. Placeholders are emitted; other special ids never are, but they do separate
 * repeats.
 */
export class CtcCollapse {
  #previousSlotId = BLANK_ID;

  /** Another that goes on from here by itself. */
  fork(): CtcCollapse {
    const fork = new CtcCollapse();
    fork.#previousSlotId = this.#previousSlotId;
    return fork;
  }

  /** Target ids that the next slots add. */
  push(slotIds: ArrayLike<number>): number[] {
    const emitted: number[] = [];
    for (let slot = 0; slot < slotIds.length; slot++) {
      const id = slotIds[slot];
      if (id !== this.#previousSlotId && isWritten(id)) emitted.push(id);
      this.#previousSlotId = id;
    }
    return emitted;
  }
}
