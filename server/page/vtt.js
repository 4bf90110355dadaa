// Lines of a room as a WebVTT file: cues of two rows at most, timed from the first word.

/** Characters of a row, as broadcasters have it. */
const ROW_CHARACTERS = 42;
const ROWS = 2;
/** A cue stays at least so long, where the next one lets it. */
const SHORTEST_MS = 1_000;

/**
 * @param {readonly import("./room-lines.js").Line[]} lines
 * @returns {string}
 */
export function webVtt(lines) {
  const zero = lines[0]?.start ?? 0;
  const cues = lines.flatMap(cuesOf);
  const blocks = cues.map(({ start, end, text }, index) => {
    const room = (cues[index + 1]?.start ?? Number.POSITIVE_INFINITY) - start;
    const until = start + Math.min(Math.max(end - start, SHORTEST_MS), Math.max(room, end - start, 1));
    return `${timestamp(start - zero)} --> ${timestamp(until - zero)}\n${escaped(text)}\n`;
  });
  return ["WEBVTT\n", ...blocks].join("\n");
}

/** A line's cues; each has its share of the line's time. @param {import("./room-lines.js").Line} line */
function cuesOf({ text, start, end }) {
  const rows = rowsOf(text);
  const cues = [];
  const characters = rows.reduce((sum, row) => sum + row.length, 0);
  let before = 0;
  for (let index = 0; index < rows.length; index += ROWS) {
    const own = rows.slice(index, index + ROWS);
    const length = own.reduce((sum, row) => sum + row.length, 0);
    const at = (/** @type {number} */ place) => start + ((end - start) * place) / characters;
    cues.push({ start: at(before), end: at(before + length), text: own.join("\n") });
    before += length;
  }
  return cues;
}

/** @param {string} text */
function rowsOf(text) {
  /** @type {string[]} */
  const rows = [];
  for (const word of text.split(/\s+/u).filter((one) => one !== "")) {
    const row = rows.at(-1);
    if (row !== undefined && row.length + 1 + word.length <= ROW_CHARACTERS) rows[rows.length - 1] = `${row} ${word}`;
    else rows.push(word);
  }
  return rows;
}

/** @param {string} text */
function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** @param {number} ms */
function timestamp(ms) {
  const whole = Math.max(0, Math.round(ms));
  const two = (/** @type {number} */ value) => String(Math.floor(value)).padStart(2, "0");
  const milliseconds = String(whole % 1000).padStart(3, "0");
  return `${two(whole / 3_600_000)}:${two((whole / 60_000) % 60)}:${two((whole / 1000) % 60)}.${milliseconds}`;
}
