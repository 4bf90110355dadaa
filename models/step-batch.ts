// Rows of different lengths to the tensors of one step of a CTC student: what is new of all rows side by side, unpadded.
import type { AttentionGroups } from "./attention-groups.ts";
import type { PagedState } from "./paged-state.ts";
import type { StepRow } from "./step-runner.ts";
import { PAD_ID } from "./vocabulary.ts";

// B rows, X new positions of all rows, N those of the row that has most, S positions that a row sees, G groups of g heads,
// H heads.

/** An input of a graph. */
export interface IntTensor {
  readonly data: Int32Array<ArrayBuffer>;
  readonly dims: readonly number[];
}

export interface StepBatchShape extends AttentionGroups {
  /** λ. */
  readonly slotsPerToken: number;
  /** Parts (keys or values of a layer) times groups of a position's, and of a slot's, state. */
  readonly sourceParts: number;
  readonly slotParts: number;
}

/** Sums over positions are in vector lanes: whole lanes only, so that none depends on how many there are. */
const LANES = 8;

/** Integers for the next steps, by the tensors' names. */
class Scratch {
  readonly #arrays = new Map<string, Int32Array<ArrayBuffer>>();

  get bytes(): number {
    return [...this.#arrays.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** Zeros. */
  take(name: string, dims: readonly number[]): IntTensor {
    const length = dims.reduce((product, size) => product * size, 1);
    let array = this.#arrays.get(name);
    if (array === undefined || array.length < length) {
      array = new Int32Array(Math.max(length, 2 * (array?.length ?? 0)));
      this.#arrays.set(name, array);
    }
    return { data: array.subarray(0, length).fill(0), dims };
  }
}

/** What one side, source or slots, brings to a step. */
interface Side {
  readonly prefix: string;
  readonly parts: number;
  /** Of each row: what it has, and how many are new. */
  readonly pages: readonly (readonly number[])[];
  readonly fresh: readonly number[];
}

/** Builds the inputs of a step. What it returns is valid until its next use. */
export class StepBatch {
  readonly #shape: StepBatchShape;
  readonly #scratch = new Scratch();

  constructor(shape: StepBatchShape) {
    this.#shape = shape;
  }

  /** Bytes held for the next steps. */
  get bytes(): number {
    return this.#scratch.bytes;
  }

  /** Inputs by name, as step-signature.ts has them, but for the memories. */
  inputs(rows: readonly StepRow<PagedState>[]): Record<string, IntTensor> {
    const { slotsPerToken, headsPerGroup, sourceParts, slotParts } = this.#shape;
    const source = this.#side({
      prefix: "",
      parts: sourceParts,
      pages: rows.map(({ state }) => state.sourceRows),
      fresh: rows.map(({ tokens }) => tokens.length),
    });
    const slots = this.#side({
      prefix: "slot_",
      parts: slotParts,
      pages: rows.map(({ state }) => state.slotRows),
      fresh: rows.map(({ chunks }) => chunks.length * slotsPerToken),
    });
    const [tokens, positions] = ["tokens", "positions"].map((name) => this.#scratch.take(name, [source.total]));
    const [slotTokens, slotPositions, slotNumbers] = ["slot_tokens", "slot_positions", "slot_numbers"].map((name) =>
      this.#scratch.take(name, [slots.total]),
    );
    const limits = this.#limits("limits", rows.length, source.longest);
    const slotLimits = this.#limits("slot_limits", rows.length, slots.longest);
    const readLimits = this.#limits("read_limits", rows.length, slots.longest);
    if (source.dummy) tokens.data[0] = PAD_ID;
    if (slots.dummy) slotTokens.data[0] = PAD_ID;
    let x = 0;
    let y = 0;
    for (const [b, { state, tokens: ids, chunks, wait }] of rows.entries()) {
      const { sourceLength, chunkLength } = state;
      const read = sourceLength + ids.length;
      for (const [n, id] of ids.entries()) {
        tokens.data[x] = id;
        positions.data[x++] = sourceLength + n;
        const at = (b * source.longest + n) * headsPerGroup;
        limits.data.fill(sourceLength + n + 1, at, at + headsPerGroup);
      }
      for (const [m, id] of chunks.entries()) {
        const chunk = chunkLength + m;
        slotTokens.data.fill(id, y, y + slotsPerToken);
        slotPositions.data.fill(chunk, y, y + slotsPerToken);
        for (let slot = 0; slot < slotsPerToken; slot++) slotNumbers.data[y++] = slot;
        const at = (b * slots.longest + m * slotsPerToken) * headsPerGroup;
        slotLimits.data.fill((chunk + 1) * slotsPerToken, at, at + slotsPerToken * headsPerGroup);
        readLimits.data.fill(Math.min(chunk + wait, read), at, at + slotsPerToken * headsPerGroup);
      }
    }
    return {
      tokens,
      positions,
      ...source.tensors,
      limits,
      slot_tokens: slotTokens,
      slot_positions: slotPositions,
      slot_numbers: slotNumbers,
      ...slots.tensors,
      slot_limits: slotLimits,
      read_limits: readLimits,
    };
  }

  /** For each row's queries, as often as a group has heads, the first position that they do not see; 1 for padding. */
  #limits(name: string, rows: number, longest: number): IntTensor {
    const limits = this.#scratch.take(name, [rows, 1, longest * this.#shape.headsPerGroup, 1]);
    limits.data.fill(1);
    return limits;
  }

  #side({ prefix, parts, pages, fresh }: Side) {
    const { groups: G, headsPerGroup } = this.#shape;
    const B = pages.length;
    const news = fresh.reduce((sum, count) => sum + count, 0);
    // Operators do not take nothing: without anything new, one that nobody sees is put behind all positions.
    const dummy = news === 0;
    const total = Math.max(news, 1);
    // A product with a single row is summed in another order.
    const longest = Math.max(Math.ceil(2 / headsPerGroup), ...fresh);
    const visible = Math.max(...pages.map((rows, b) => rows.length + fresh[b])) + Number(dummy);
    const S = Math.ceil(visible / LANES) * LANES;
    const take = (name: string, dims: readonly number[]) => this.#scratch.take(prefix + name, dims);
    const places = take("places", [total, G, 3]);
    const pageNumbers = take("pages", [B, G, S]);
    const queries = take("queries", [B, G, longest, 1]);
    const answers = take("answers", [total, G * headsPerGroup]);
    let x = 0;
    for (let b = 0; b < B; b++) {
      const rows = pages[b];
      for (let group = 0; group < G; group++) {
        const start = (b * G + group) * S;
        for (let position = 0; position < rows.length; position++) {
          pageNumbers.data[start + position] = rows[position] * parts + group;
        }
      }
      for (let n = 0; n < fresh[b]; n++) {
        for (let group = 0; group < G; group++) {
          const place = (x * G + group) * 3;
          places.data[place] = b;
          places.data[place + 1] = group;
          places.data[place + 2] = rows.length + n;
          queries.data[(b * G + group) * longest + n] = x * G + group;
          const query = ((b * G + group) * longest + n) * headsPerGroup;
          for (let head = 0; head < headsPerGroup; head++) {
            answers.data[(x * G + group) * headsPerGroup + head] = (query + head) * headsPerGroup + head;
          }
        }
        x++;
      }
    }
    if (dummy) {
      for (let group = 0; group < G; group++) {
        places.data[group * 3 + 1] = group;
        places.data[group * 3 + 2] = S - 1;
      }
    }
    const tensors = {
      [`${prefix}places`]: places,
      [`${prefix}pages`]: pageNumbers,
      [`${prefix}queries`]: queries,
      [`${prefix}answers`]: answers,
    };
    return { total, longest, dummy, tensors };
  }
}
