// Words as this page counts and cuts them: runs of letters and signs between white space.

/** The end of the last word that white space or a sentence's punctuation completes. */
const COMPLETED = /^[\s\S]*[\s.,;:!?…]/u;

/**
 * The number of words in a text.
 * @param {string} text
 * @returns {number}
 */
export function countWords(text) {
  return text.match(/\S+/gu)?.length ?? 0;
}

/**
 * Where the nth word of a text ends (as an offset); the text's length where it has fewer words.
 * @param {string} text
 * @param {number} n counted from 1; 0 gives 0
 * @returns {number}
 */
export function endOfWord(text, n) {
  if (n <= 0) return 0;
  let seen = 0;
  for (const match of text.matchAll(/\S+/gu)) {
    seen += 1;
    if (seen === n) return match.index + match[0].length;
  }
  return text.length;
}

/**
 * Cuts what is being typed into what is complete, to be sent, and the rest, which may still change.
 * @param {string} text
 * @returns {{ complete: string, rest: string }}
 */
export function cutComplete(text) {
  const complete = COMPLETED.exec(text)?.[0] ?? "";
  return { complete, rest: text.slice(complete.length) };
}
