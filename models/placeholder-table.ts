// What one segment's placeholders stand for: filled by what is read, used by what is written.
import type { SourceWord } from "./source-word.ts";
import { PLACEHOLDER_IDS } from "./vocabulary.ts";

/**
 * A segment has as many placeholders as there are ids; what comes beyond them goes through as ordinary text. The same value
 * again is the same placeholder.
 */
export class PlaceholderTable {
  readonly #ids = new Map<string, number>();
  readonly #values = new Map<number, string>();

  /** The unit's token ids: a placeholder where it is a value and one is left. */
  idsOf({ ids, value }: Pick<SourceWord, "ids" | "value">): readonly number[] {
    if (value === undefined) return ids;
    const id = this.#ids.get(value) ?? PLACEHOLDER_IDS[this.#ids.size];
    if (id === undefined) return ids;
    this.#ids.set(value, id);
    this.#values.set(id, value);
    return [id];
  }

  /** What a placeholder stands for; undefined for other ids, and for a placeholder that stands for nothing. */
  valueOf(id: number): string | undefined {
    return this.#values.get(id);
  }
}
