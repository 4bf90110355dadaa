// Which pairs were seen before, as 64-bit hashes in two flat arrays: a corpus of any size in a known number of bytes.

const FIRST_CAPACITY = 1 << 16;
/** Share of the places that are taken before the arrays are doubled. */
const FULL = 0.75;

/**
 * A set of texts by their hashes. It holds 8 bytes a place, so 11 to 22 bytes a text outside the heap, half as much again
 * while it grows. Two different texts are taken for the same with a probability of n²/2⁶⁵ over n texts: one in 3,700 that
 * there is any such pair among a hundred million.
 */
export class PairSet {
  #high = new Uint32Array(FIRST_CAPACITY);
  #low = new Uint32Array(FIRST_CAPACITY);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Bytes that the arrays take. */
  get bytes(): number {
    return this.#high.byteLength + this.#low.byteLength;
  }

  has(text: string): boolean {
    const [high, low] = hash64(text);
    const place = find(this.#high, this.#low, high, low);
    return isTaken(this.#high, this.#low, place);
  }

  add(text: string): void {
    const [high, low] = hash64(text);
    const place = find(this.#high, this.#low, high, low);
    if (isTaken(this.#high, this.#low, place)) return;
    this.#high[place] = high;
    this.#low[place] = low;
    this.#size += 1;
    if (this.#size > this.#high.length * FULL) this.#grow();
  }

  #grow(): void {
    const [oldHigh, oldLow] = [this.#high, this.#low];
    const high = new Uint32Array(oldHigh.length * 2);
    const low = new Uint32Array(oldLow.length * 2);
    for (let at = 0; at < oldHigh.length; at += 1) {
      if (!isTaken(oldHigh, oldLow, at)) continue;
      const place = find(high, low, oldHigh[at], oldLow[at]);
      high[place] = oldHigh[at];
      low[place] = oldLow[at];
    }
    [this.#high, this.#low] = [high, low];
  }
}

/** Two zeros are an empty place; no text has that hash. */
const isTaken = (high: Uint32Array, low: Uint32Array, place: number): boolean => high[place] !== 0 || low[place] !== 0;

/** Where the hash is, or where it would go: the next free place from its own on. */
function find(high: Uint32Array, low: Uint32Array, wantedHigh: number, wantedLow: number): number {
  const mask = high.length - 1;
  let place = (wantedLow ^ Math.imul(wantedHigh, 0x9e3779b1)) & mask;
  while (isTaken(high, low, place) && (high[place] !== wantedHigh || low[place] !== wantedLow))
    place = (place + 1) & mask;
  return place;
}

/** MurmurHash3's 32-bit mixing (Austin Appleby) in two lanes of their own constants, over pairs of UTF-16 units. */
function hash64(text: string): [high: number, low: number] {
  let a = 0x2f6e2b1;
  let b = 0x51ed270b;
  for (let at = 0; at < text.length; at += 2) {
    const block = text.charCodeAt(at) | ((at + 1 < text.length ? text.charCodeAt(at + 1) : 0) << 16);
    a = mix(a, block, 0xcc9e2d51, 0x1b873593, 0xe6546b64);
    b = mix(b, block, 0x239b961b, 0xab0e9789, 0x561ccd1b);
  }
  a = finish(a ^ text.length);
  b = finish(b ^ text.length ^ a);
  return a === 0 && b === 0 ? [0, 1] : [a, b];
}

function mix(state: number, block: number, first: number, second: number, added: number): number {
  let key = Math.imul(block, first);
  key = Math.imul((key << 15) | (key >>> 17), second);
  const mixed = state ^ key;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + added) | 0;
}

function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
