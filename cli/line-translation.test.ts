import { describe, expect, it } from "vitest";
import type { SessionMessage } from "../server/session/session-event.ts";
import { type LineSession, LineTranslation, plainDisplay } from "./line-translation.ts";

/** Writes every sentence back in capitals, in later turns. */
class ShoutingSession implements LineSession {
  readonly #emit: (message: SessionMessage) => void;
  #open = "";
  #due = 0;
  #segment = 0;

  constructor(emit: (message: SessionMessage) => void) {
    this.#emit = emit;
  }

  get idle() {
    return this.#due === 0 && this.#open === "";
  }

  text(text: string) {
    if (text.includes("fail"))
      return this.#later(() => this.#emit({ type: "error", code: "internal", message: "broke", fatal: true }));
    const [complete, ...rest] = text.split(". ");
    this.#open += complete;
    for (const next of rest) {
      this.#open += ".";
      this.commit();
      this.#open = next;
    }
  }

  commit() {
    if (this.#open === "") return;
    const text = this.#open.toUpperCase();
    const segment = this.#segment++;
    this.#open = "";
    this.#later(() => this.#emit({ type: "delta", segment, target: "de", text, read: 1, seq: 1 }));
    this.#later(() => this.#emit({ type: "final", segment, target: "de", source: "", text, start: 0, end: 0, seq: 2 }));
  }

  end() {}

  #later(step: () => void) {
    this.#due++;
    setImmediate(() => {
      this.#due--;
      step();
    });
  }
}

async function translated(chunks: string[]): Promise<string> {
  let output = "";
  const display = plainDisplay((text) => {
    output += text;
  });
  await new LineTranslation(display, (emit) => new ShoutingSession(emit)).run(
    (async function* () {
      yield* chunks;
    })(),
  );
  return output;
}

describe("LineTranslation", () => {
  it("writes one line for each line, however the input was cut", async () => {
    const expected = "ONE TWO\nTHREE\n";
    expect(await translated(["one two\nthree\n"])).toBe(expected);
    expect(await translated(["one", " tw", "o\nth", "ree", "\n"])).toBe(expected);
    expect(await translated(["one two\r", "\nthree"])).toBe(expected);
  });

  it("joins the segments of a line with a space", async () => {
    expect(await translated(["one. two\n"])).toBe("ONE. TWO\n");
  });

  it("keeps empty lines", async () => {
    expect(await translated(["one\n\n", "two\n"])).toBe("ONE\n\nTWO\n");
  });

  it("writes nothing for nothing", async () => {
    expect(await translated([])).toBe("");
  });

  it("stops where the session fails", async () => {
    await expect(translated(["fail\n", "more\n"])).rejects.toThrow("internal: broke");
  });
});
