// Where words begin and end in a hypothesis, and which of its words stand in the place of what was read already.

/** Scripts without spaces between words: each character is a word. */
const UNSPACED = "\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmr}\\p{sc=Mymr}";
const UNIT = new RegExp(
  `[${UNSPACED}]\\p{M}*|[\\p{L}\\p{M}\\p{N}'’]+?(?=[${UNSPACED}]|[^\\p{L}\\p{M}\\p{N}'’]|$)|[^ ]`,
  "gu",
);
const IN_WORD = new RegExp(`^(?![${UNSPACED}])[\\p{L}\\p{M}\\p{N}'’]$`, "u");

/** How far the words of a hypothesis may be shifted against those read: bounds the work to 33 comparisons a word. */
const SHIFT_MAX = 16;

interface Unit {
  text: string;
  end: number;
}

/** Whether no word goes on across `index`. */
export function isBorder(text: string, index: number): boolean {
  if (index === 0 || index === text.length) return true;
  const next = text.charCodeAt(index);
  if (next >= 0xdc00 && next <= 0xdfff) return false;
  return !(
    IN_WORD.test(lastCharacter(text.slice(Math.max(0, index - 2), index))) && IN_WORD.test(firstCharacter(text, index))
  );
}

/** Whether the two would become one word where they are put together, though they are not one. */
export function joinsWithout(before: string, after: string): boolean {
  return IN_WORD.test(lastCharacter(before.slice(-2))) && IN_WORD.test(firstCharacter(after, 0));
}

/**
 * The prefix of `text` that is closest to all of `taken`, by the fewest words changed, added and left out; where several
 * are, one that ends with the same word, then the one of the nearest length. Words are moved by at most 16 places.
 *
 * @returns where it ends, in UTF-16 units
 */
export function closestPrefix(taken: string, text: string): number {
  const [old, now] = [unitsOf(taken), unitsOf(text)];
  let same = 0;
  while (same < old.length && same < now.length && old[same].text === now[same].text) same++;
  const [rows, columns] = [old.slice(same), now.slice(same)];
  // costs[shift + SHIFT_MAX]: the fewest edits between the first i words of `rows` and the first i + shift of `columns`.
  let costs = Array.from({ length: 2 * SHIFT_MAX + 1 }, (_, place) => cost(place - SHIFT_MAX, columns.length));
  for (const [i, row] of rows.entries()) {
    const next: number[] = [];
    for (let place = 0; place < costs.length; place++) {
      const j = i + 1 + place - SHIFT_MAX;
      const added = (next[place - 1] ?? Infinity) + 1;
      const leftOut = (costs[place + 1] ?? Infinity) + 1;
      const changed = costs[place] + Number(columns[j - 1]?.text !== row.text);
      next.push(j < 0 || j > columns.length ? Infinity : Math.min(added, leftOut, j === 0 ? Infinity : changed));
    }
    costs = next;
  }
  let best = { cost: Infinity, differs: 1, distance: Infinity, count: 0 };
  for (const [place, cost] of costs.entries()) {
    const count = rows.length + place - SHIFT_MAX;
    const differs = Number(columns[count - 1]?.text !== rows.at(-1)?.text);
    const one = { cost, differs, distance: Math.abs(count - rows.length), count };
    if (isCloser(one, best)) best = one;
  }
  // More words were left out than words are moved: the hypothesis has none in the place of the last ones.
  const count = same + (best.cost === Infinity ? columns.length : best.count);
  return count === 0 ? 0 : now[count - 1].end;
}

type Prefix = { cost: number; differs: number; distance: number };

function isCloser(one: Prefix, other: Prefix): boolean {
  if (one.cost !== other.cost) return one.cost < other.cost;
  if (one.differs !== other.differs) return one.differs < other.differs;
  return one.distance < other.distance;
}

/** Of the first `count` words of a hypothesis against none. */
function cost(count: number, words: number): number {
  return count < 0 || count > words ? Infinity : count;
}

function unitsOf(text: string): Unit[] {
  return [...text.matchAll(UNIT)].map((match) => ({ text: match[0], end: match.index + match[0].length }));
}

function firstCharacter(text: string, index: number): string {
  const code = text.codePointAt(index);
  return code === undefined ? "" : String.fromCodePoint(code);
}

function lastCharacter(text: string): string {
  return [...text].at(-1) ?? "";
}
