// Typing on a terminal, key by key: a word can be corrected until the space after it.

/** What a key press leads to. */
export type KeyResult =
  | { type: "text"; text: string }
  | { type: "pending"; text: string }
  | { type: "end" }
  | { type: "interrupt" };

const BACKSPACE = /[\b\u007f]/;

/** Keys in, text out. A word is held back, and can be corrected, until white space or Enter completes it. */
export class Keyboard {
  #word = "";

  /** Takes what the terminal sent at once: one key, or a paste. */
  press(keys: string): KeyResult[] {
    const results: KeyResult[] = [];
    // Arrow keys and such: an escape sequence has no meaning here.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: terminals send control characters
    for (const key of keys.replace(/\u001b(?:\[[\d;]*[A-Za-z~]|O[A-Z])?/g, "")) {
      if (key === "\u0003") return [...results, { type: "interrupt" }];
      if (key === "\u0004") return [...results, ...this.#complete(""), { type: "end" }];
      if (BACKSPACE.test(key)) this.#word = [...this.#word].slice(0, -1).join("");
      else if (key === "\r" || key === "\n") results.push(...this.#complete("\n"));
      else if (/\s/.test(key)) results.push(...this.#complete(key));
      else if (key >= " ") this.#word += key;
    }
    return [...results, { type: "pending", text: this.#word }];
  }

  #complete(after: string): KeyResult[] {
    const text = this.#word + after;
    this.#word = "";
    return text === "" ? [] : [{ type: "text", text }];
  }
}

/** A terminal as a stream of text, in raw mode until it ends. Ctrl-D ends it, Ctrl-C calls `interrupt`. */
export async function* typedText(
  terminal: NodeJS.ReadStream,
  onPending: (text: string) => void,
  interrupt: () => void,
): AsyncGenerator<string> {
  const keyboard = new Keyboard();
  terminal.setRawMode(true);
  terminal.setEncoding("utf8");
  try {
    for await (const keys of terminal) {
      for (const result of keyboard.press(String(keys))) {
        if (result.type === "interrupt") interrupt();
        if (result.type === "interrupt" || result.type === "end") return;
        if (result.type === "pending") {
          onPending(result.text);
          continue;
        }
        onPending("");
        yield result.text;
      }
    }
  } finally {
    terminal.setRawMode(false);
  }
}
