// White space as Python's str.split and str.rstrip see it, on which sacreBLEU's scores depend.

// JavaScript's \s lacks U+001C to U+001F and U+0085 and has U+FEFF, which is no white space in Python.
const SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const RUNS = new RegExp(`${SPACE}+`, "u");
const TRAILING = new RegExp(`${SPACE}+$`, "u");

/** The parts of `text` between white space, none of them empty. */
export function splitAtSpace(text: string): string[] {
  return text.split(RUNS).filter((part) => part !== "");
}

/** `text` without the white space at its end. */
export function trimEndOfSpace(text: string): string {
  return text.replace(TRAILING, "");
}
