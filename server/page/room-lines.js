// What a viewer has of a room in one language: the finished lines, and the segments that still grow.

/** Lines that a page keeps: some hours of talk. */
const LINES_MAX = 5_000;

/** @typedef {{ segment: number, text: string, start: number, end: number }} Line */

export class RoomLines {
  /** @type {Line[]} */
  lines = [];
  /** @type {Map<number, string>} */
  open = new Map();

  /** Takes a message of the room. @param {any} message @returns {Line | undefined} the line that it finished */
  take(message) {
    if (message.type === "room") this.open.clear();
    else if (message.type === "open") this.open.set(message.segment, message.text);
    else if (message.type === "delta") {
      this.open.set(message.segment, (this.open.get(message.segment) ?? "") + message.text);
    } else if (message.type === "final") {
      const { segment, text, start, end } = message;
      this.open.delete(segment);
      const line = { segment, text, start, end };
      this.lines.push(line);
      if (this.lines.length > LINES_MAX) this.lines.shift();
      return line;
    }
    return undefined;
  }

  clear() {
    this.lines = [];
    this.open.clear();
  }

  /** All of it, a line for each segment. */
  get text() {
    return [...this.lines.map(({ text }) => text), ...this.open.values()]
      .filter((text) => text.trim() !== "")
      .join("\n");
  }
}
