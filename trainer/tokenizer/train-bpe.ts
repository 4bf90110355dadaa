// Byte-pair encoding, learnt from piece counts (Sennrich et al. 2016): the most frequent pair becomes a token, again and again.
import { SPECIAL_TOKENS, UNK_ID } from "../../models/vocabulary.ts";
import { Heap } from "./heap.ts";
import { PairTable } from "./pair-table.ts";

export interface BpeOptions {
  /** Ids in the vocabulary: special tokens, alphabet and merges together. Fewer come out when the text has no more pairs. */
  size: number;
  /** Characters seen fewer times become `<unk>`. */
  minimumCount: number;
}

export interface Bpe {
  /** Piece text by id: special tokens, then the alphabet in code point order, then one per merge. */
  vocabulary: string[];
  alphabet: string[];
  /** In order of rank; merge r makes id `SPECIAL_TOKENS.length + alphabet.length + r`. */
  merges: [left: string, right: string][];
}

/** Counts may be weighted; they are kept as integers of this fraction, so that sums do not depend on their order. */
const COUNT_UNIT = 1 / 1024;
/** Pairs seen less often than this are not worth an id. */
const MINIMUM_PAIR_COUNT = 2;

interface Words {
  symbols: Uint16Array;
  starts: Int32Array;
  lengths: Int32Array;
  counts: Float64Array;
}

/**
 * Learns a vocabulary from weighted piece counts. The result depends on the counts alone: ties go to the pair whose texts
 * come first. A pair whose text is a token already is passed over, so every merge makes exactly one id, and applying
 * merges by rank gives in encoding what it gave here.
 * @throws RangeError when the size leaves no room for the alphabet or exceeds 65,536 (ids are 16 bit in shards).
 */
export function trainBpe(counts: ReadonlyMap<string, number>, options: BpeOptions): Bpe {
  if (!Number.isInteger(options.size) || options.size > 65_536) {
    throw new RangeError(`tokenizer size ${options.size} is not an integer up to 65,536`);
  }
  const alphabet = frequentCharacters(counts, options.minimumCount);
  const vocabulary = [...SPECIAL_TOKENS, ...alphabet];
  if (options.size < vocabulary.length) {
    throw new RangeError(
      `tokenizer size ${options.size} is below the ${vocabulary.length} special tokens and characters: raise size or minimumCount`,
    );
  }
  const words = symbolize(counts, new Map(alphabet.map((text, index) => [text, SPECIAL_TOKENS.length + index])));
  const pairs = new PairTable();
  countPairs(words, pairs);

  interface Candidate {
    pair: number;
    count: number;
  }
  const queue = new Heap<Candidate>((a, b) => {
    if (a.count !== b.count) return a.count > b.count;
    const left = vocabulary[pairs.left[a.pair]];
    const otherLeft = vocabulary[pairs.left[b.pair]];
    if (left !== otherLeft) return left < otherLeft;
    return vocabulary[pairs.right[a.pair]] < vocabulary[pairs.right[b.pair]];
  });
  for (let pair = 0; pair < pairs.size; pair += 1) queue.push({ pair, count: pairs.counts[pair] });

  const known = new Set(vocabulary);
  const merges: [string, string][] = [];
  while (vocabulary.length < options.size) {
    const best = queue.pop();
    if (best === undefined) break;
    const count = pairs.counts[best.pair];
    if (count < best.count) {
      // Counts of queued pairs only ever fall; a stale entry goes back with what is left of it.
      queue.push({ pair: best.pair, count });
      continue;
    }
    if (count * COUNT_UNIT < MINIMUM_PAIR_COUNT) break;
    const left = vocabulary[pairs.left[best.pair]];
    const right = vocabulary[pairs.right[best.pair]];
    if (known.has(left + right)) continue;
    const product = vocabulary.length;
    vocabulary.push(left + right);
    known.add(left + right);
    merges.push([left, right]);
    for (const pair of mergePair(words, pairs, best.pair, product)) queue.push({ pair, count: pairs.counts[pair] });
  }
  return { vocabulary, alphabet, merges };
}

function frequentCharacters(counts: ReadonlyMap<string, number>, minimumCount: number): string[] {
  const characters = new Map<string, number>();
  for (const [piece, count] of counts) {
    for (const character of piece) characters.set(character, (characters.get(character) ?? 0) + count);
  }
  return [...characters]
    .filter(([, count]) => count >= minimumCount)
    .map(([character]) => character)
    .sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
}

function symbolize(counts: ReadonlyMap<string, number>, ids: ReadonlyMap<string, number>): Words {
  let total = 0;
  for (const piece of counts.keys()) total += piece.length;
  const words: Words = {
    symbols: new Uint16Array(total),
    starts: new Int32Array(counts.size),
    lengths: new Int32Array(counts.size),
    counts: new Float64Array(counts.size),
  };
  let position = 0;
  let word = 0;
  for (const [piece, count] of counts) {
    words.starts[word] = position;
    for (const character of piece) {
      words.symbols[position] = ids.get(character) ?? UNK_ID;
      position += 1;
    }
    words.lengths[word] = position - words.starts[word];
    words.counts[word] = Math.round(count / COUNT_UNIT);
    word += 1;
  }
  return words;
}

function countPairs(words: Words, pairs: PairTable): void {
  const { symbols } = words;
  for (let word = 0; word < words.starts.length; word += 1) {
    const end = words.starts[word] + words.lengths[word] - 1;
    for (let at = words.starts[word]; at < end; at += 1) {
      // An unknown character parts the word: nothing may be learnt across it.
      if (symbols[at] === UNK_ID || symbols[at + 1] === UNK_ID) continue;
      pairs.add(symbols[at], symbols[at + 1], word, words.counts[word]);
    }
  }
}

/** Replaces the pair by `product` in every word that has it; returns the numbers of the pairs this made. */
function mergePair(words: Words, pairs: PairTable, pair: number, product: number): Set<number> {
  const { symbols } = words;
  const left = pairs.left[pair];
  const right = pairs.right[pair];
  const made = new Set<number>();
  for (const word of pairs.words[pair]) {
    const start = words.starts[word];
    const end = start + words.lengths[word];
    const count = words.counts[word];
    let write = start;
    let read = start;
    while (read < end) {
      if (read + 1 < end && symbols[read] === left && symbols[read + 1] === right) {
        const before = write > start ? symbols[write - 1] : UNK_ID;
        const after = read + 2 < end ? symbols[read + 2] : UNK_ID;
        if (before !== UNK_ID) {
          pairs.remove(before, left, count);
          made.add(pairs.add(before, product, word, count));
        }
        if (after !== UNK_ID) {
          pairs.remove(right, after, count);
          made.add(pairs.add(product, after, word, count));
        }
        symbols[write] = product;
        read += 2;
      } else {
        symbols[write] = symbols[read];
        read += 1;
      }
      write += 1;
    }
    words.lengths[word] = write - start;
  }
  pairs.counts[pair] = 0;
  pairs.words[pair] = [];
  return made;
}
