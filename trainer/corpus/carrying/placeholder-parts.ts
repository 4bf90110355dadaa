// Training pairs with placeholders in the place of values and of words that translate each other, on both sides.
import { numberIn } from "../../../models/number-format.ts";
import type { Tokenizer } from "../../../models/tokenizer.ts";
import { beginsSentence, isNumbering, valueKind } from "../../../models/value-pattern.ts";
import { PLACEHOLDER_IDS } from "../../../models/vocabulary.ts";
import { Random } from "../../random.ts";
import { withDerived } from "../derived-parts.ts";
import type { TrainPart } from "../epoch-plan.ts";
import { SequencesBuilder, type Shard, sequenceAt, sequenceCount, sequencesOf } from "../shard.ts";
import { AlignedWords } from "./aligned-words.ts";
import type { PlaceholderSettings } from "./carrying-settings.ts";
import { type TokenWord, tokenWords } from "./token-words.ts";

export interface CarryingContext {
  readonly seed: number;
  readonly source: string;
  /** The language of a part's targets. */
  readonly targetOf: (part: TrainPart) => string;
  readonly tokenizer: Tokenizer;
}

export interface PlaceholderParts {
  readonly parts: TrainPart[];
  /** Pairs that there are with placeholders for values, and for words. */
  readonly values: number;
  readonly terms: number;
}

/** A pair for values gets a word's placeholder too at this rate. */
const WORD_BESIDE_VALUES = 0.3;
/** A term has this many letters at least. */
const TERM = /^\p{L}[\p{L}\p{M}'’-]{2,}$/u;

/**
 * Each part with a share of its pairs in the form that they have when they are served: placeholders for values that stand
 * on both sides, and for words that translate each other. Which words, and which placeholder, is drawn from seed, corpus and
 * row: a run that was stopped goes on with the same ones.
 */
export function withPlaceholders(
  parts: readonly TrainPart[],
  settings: PlaceholderSettings,
  context: CarryingContext,
): PlaceholderParts {
  const { share, terms } = settings;
  if (share === 0) return { parts: [...parts], values: 0, terms: 0 };
  const aligned = new Map<string, AlignedWords>();
  for (const key of terms === 0 ? [] : new Set(parts.map(groupOf))) {
    const group = parts.filter((part) => groupOf(part) === key);
    aligned.set(key, new AlignedWords(() => wordPairs(group, context)));
  }
  const counts = { values: 0, terms: 0 };
  const made = parts.flatMap((part) => {
    const carried = carriedShards(part, aligned.get(groupOf(part)), context);
    counts.values += sequenceCount(carried.values.source);
    counts.terms += sequenceCount(carried.terms.source);
    return withDerived(part, [
      { shard: carried.values, share: share * (1 - terms) },
      { shard: carried.terms, share: share * terms },
    ]);
  });
  return { parts: made, ...counts };
}

/** Words are counted together in the parts that are asked for alike: those of one target language. */
const groupOf = ({ prefix = [] }: TrainPart): string => prefix.join(" ");

/**
 * Words that look like names which the vocabulary does not know, and that the corpus translates more often than not:
 * "Wednesday", "Christianity". Sorted.
 */
export function translatedNames(parts: readonly TrainPart[], { tokenizer }: CarryingContext): string[] {
  const tokens = tokenCounter(tokenizer);
  const counts = new Map<string, { seen: number; kept: number }>();
  for (const { shard } of parts) {
    for (const [sourceIds, targetIds] of pairsOf(shard)) {
      const source = tokenWords(sourceIds, tokenizer);
      let target: Set<string> | undefined;
      for (const [at, { inner }] of source.entries()) {
        if (!/^\p{Lu}/u.test(inner) || beginsSentence(source[at - 1]?.text ?? "")) continue;
        if (valueKind(inner, tokens) !== "name") continue;
        target ??= new Set(tokenWords(targetIds, tokenizer).map((word) => word.inner));
        const count = counts.get(inner) ?? { seen: 0, kept: 0 };
        count.seen += 1;
        count.kept += Number(target.has(inner));
        counts.set(inner, count);
      }
    }
  }
  return [...counts].flatMap(([name, { seen, kept }]) => (kept * 2 < seen ? [name] : [])).sort();
}

function* pairsOf({ source, target }: Shard): Generator<readonly [Uint16Array, Uint16Array]> {
  const targets = sequencesOf(target);
  for (const ids of sequencesOf(source)) yield [ids, targets.next().value!];
}

const tokenCounter = (tokenizer: Tokenizer) => (text: string) => tokenizer.encode(text).length;

/** The words that may be terms, each only where it is alone of its kind in the sentence, by their places. */
function termWords(words: readonly TokenWord[]): Map<string, number> {
  const places = new Map<string, number>();
  const again = new Set<string>();
  for (const [at, { inner }] of words.entries()) {
    const word = inner.toLowerCase();
    if (!TERM.test(word)) continue;
    if (places.has(word)) again.add(word);
    places.set(word, at);
  }
  for (const word of again) places.delete(word);
  return places;
}

function* wordPairs(parts: readonly TrainPart[], { tokenizer }: CarryingContext) {
  for (const { shard } of parts) {
    for (const [source, target] of pairsOf(shard)) {
      const [from, to] = [source, target].map((ids) => [...termWords(tokenWords(ids, tokenizer)).keys()]);
      yield [from!, to!] as const;
    }
  }
}

/** What one placeholder stands for: places of words on both sides. */
interface Carried {
  readonly source: readonly number[];
  readonly target: readonly number[];
}

function carriedShards(part: TrainPart, aligned: AlignedWords | undefined, context: CarryingContext) {
  const { shard } = part;
  const { tokenizer, seed } = context;
  const languages = { source: context.source, target: context.targetOf(part) };
  const tokens = tokenCounter(tokenizer);
  const builders = { values: new PairsBuilder(), terms: new PairsBuilder() };
  for (let row = 0; row < sequenceCount(shard.source); row += 1) {
    const ids = [sequenceAt(shard.source, row), sequenceAt(shard.target, row)] as const;
    const words = [tokenWords(ids[0], tokenizer), tokenWords(ids[1], tokenizer)] as const;
    const values = carriedValues(words, languages, tokens).slice(0, PLACEHOLDER_IDS.length);
    const terms = aligned ? carriedTerms(words, values, aligned) : [];
    if (values.length + terms.length === 0) continue;
    const random = new Random(seed, "placeholders", shard.name, row);
    const chosen = random.shuffle(terms);
    const add = (builder: PairsBuilder, termCount: number) => {
      const carried = [...values, ...chosen.slice(0, termCount)].slice(0, PLACEHOLDER_IDS.length);
      const placeholders = random.shuffle([...PLACEHOLDER_IDS]);
      builder.add(
        replaced(ids[0], words[0], carried, "source", placeholders),
        replaced(ids[1], words[1], carried, "target", placeholders),
      );
    };
    const [beside, several] = [random.uniform(), random.uniform()];
    if (values.length > 0) add(builders.values, beside < WORD_BESIDE_VALUES ? 1 : 0);
    if (terms.length > 0) add(builders.terms, several < 0.55 ? 1 : several < 0.85 ? 2 : 3);
  }
  return {
    values: builders.values.build(`${shard.name}.values`),
    terms: builders.terms.build(`${shard.name}.terms`),
  };
}

/** Values of the source that the target has as often, as they are or as its language writes the number. */
function carriedValues(
  [source, target]: readonly [readonly TokenWord[], readonly TokenWord[]],
  languages: { readonly source: string; readonly target: string },
  tokens: (text: string) => number,
): Carried[] {
  const found = new Map<string, number[]>();
  for (const [at, { inner }] of source.entries()) {
    if (!/\d|[@/.]|^\p{Lu}/u.test(inner)) continue;
    const before = source[at - 1]?.text ?? "";
    const kind = valueKind(inner, tokens);
    if (kind === undefined || (kind === "name" && beginsSentence(before))) continue;
    const value =
      kind === "number" && !isNumbering(before) ? numberIn(inner, languages.source, languages.target) : inner;
    found.set(value, [...(found.get(value) ?? []), at]);
  }
  return [...found].flatMap(([value, places]) => {
    const there = target.flatMap(({ inner }, at) => (inner === value ? [at] : []));
    return there.length > 0 && there.length <= places.length ? [{ source: places, target: there }] : [];
  });
}

function carriedTerms(
  [source, target]: readonly [readonly TokenWord[], readonly TokenWord[]],
  values: readonly Carried[],
  aligned: AlignedWords,
): Carried[] {
  const [from, to] = [termWords(source), termWords(target)];
  const [sourcePlaces, targetPlaces] = [[...from.values()], [...to.values()]];
  const pairs = aligned.pairsIn([...from.keys()], [...to.keys()]);
  return pairs.flatMap(([row, column]): Carried[] => {
    const [at, there] = [sourcePlaces[row]!, targetPlaces[column]!];
    return values.some((value) => value.source.includes(at)) ? [] : [{ source: [at], target: [there] }];
  });
}

/** A side's ids with a placeholder for the tokens of each carried word; the marks around it stay. */
function replaced(
  ids: Uint16Array,
  words: readonly TokenWord[],
  carried: readonly Carried[],
  side: keyof Carried,
  placeholders: readonly number[],
): number[] {
  const spans = carried
    .flatMap((one, index) => one[side].map((at) => ({ ...words[at]!, id: placeholders[index]! })))
    .sort((a, b) => a.from - b.from);
  const made: number[] = [];
  let done = 0;
  for (const { from, to, id } of spans) {
    made.push(...ids.subarray(done, from), id);
    done = to;
  }
  made.push(...ids.subarray(done));
  return made;
}

class PairsBuilder {
  readonly #source = new SequencesBuilder();
  readonly #target = new SequencesBuilder();

  add(source: ArrayLike<number>, target: ArrayLike<number>): void {
    this.#source.add(source);
    this.#target.add(target);
  }

  build(name: string): Shard {
    return { name, source: this.#source.build(), target: this.#target.build() };
  }
}
