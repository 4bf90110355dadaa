// Text as it comes, line by line, through one session: what is written grows with what is read.
import type { SessionMessage } from "../server/session/session-event.ts";
import type { SessionRunner } from "../server/session/session-runner.ts";

/** Where the source and its translation are shown. */
export interface LineDisplay {
  /** Source text as it is read. */
  source(text: string): void;
  /** Translation to append. */
  target(text: string): void;
  /** The input line is over and its translation complete. */
  endLine(): void;
}

export type LineSession = Pick<SessionRunner, "text" | "commit" | "end" | "idle">;

/**
 * Feeds a session from an input and shows what comes of it. A line of input is committed at its end, and the next one
 * is read when its translation is complete, so that lines of input and output belong together.
 */
export class LineTranslation {
  readonly #display: LineDisplay;
  readonly #session: LineSession;
  #onChange: () => void = () => {};
  #failure: Error | undefined;
  /** Whether a segment of this line is complete: the next one is set off with a space. */
  #betweenSegments = false;

  /** @param open opens the session with the callback for its messages */
  constructor(display: LineDisplay, open: (emit: (message: SessionMessage) => void) => LineSession) {
    this.#display = display;
    this.#session = open((message) => this.#take(message));
  }

  /** Reads the input to its end. Rejects where the session fails. */
  async run(input: AsyncIterable<string>): Promise<void> {
    let open = false;
    let afterReturn = false;
    for await (const text of input) {
      // The two characters of one line end may come apart.
      const lines = (afterReturn && text.startsWith("\n") ? text.slice(1) : text).split(/\r?\n|\r/);
      afterReturn = text.endsWith("\r");
      for (const [index, line] of lines.entries()) {
        if (index > 0) {
          await this.#endLine();
          open = false;
        }
        if (line === "") continue;
        this.#display.source(line);
        this.#session.text(line);
        open = true;
      }
    }
    if (open) await this.#endLine();
  }

  async #endLine(): Promise<void> {
    this.#session.commit();
    await this.#idle();
    this.#display.endLine();
    this.#betweenSegments = false;
  }

  /** Resolves when the session owes nothing. Its messages come in later turns. */
  #idle(): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (this.#failure !== undefined) reject(this.#failure);
        else if (this.#session.idle) resolve();
      };
      this.#onChange = () => setImmediate(look);
      look();
    });
  }

  #take(message: SessionMessage): void {
    if (message.type === "error") this.#failure = new Error(`${message.code}: ${message.message}`);
    if (message.type === "delta" && message.text !== "") {
      this.#display.target(this.#betweenSegments ? ` ${message.text}` : message.text);
      this.#betweenSegments = false;
    }
    if (message.type === "final" && message.text !== "") this.#betweenSegments = true;
    this.#onChange();
  }
}

/** For pipes and files: the translation alone, one line for each line of input. */
export function plainDisplay(write: (text: string) => void): LineDisplay {
  return { source: () => {}, target: write, endLine: () => write("\n") };
}
