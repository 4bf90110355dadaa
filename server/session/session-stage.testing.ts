// A session with an engine that says the source back, for tests: steps run when the test says so.
import { expect } from "vitest";
import { type CarryingManifest, carryingOf, openReader } from "../../models/carrying.ts";
import { CtcDecoder } from "../../models/ctc-decoder.ts";
import { standInTokenizer } from "../../models/stand-in-tokenizer.ts";
import { TargetStream } from "../../models/target-stream.ts";
import type { Carrying } from "../../models/value-reader.ts";
import { BLANK_ID, EOS_ID } from "../../models/vocabulary.ts";
import type { Wait } from "../../models/wait.ts";
import type { DeltaMessage, FinalMessage } from "../protocol/server-messages.ts";
import { Session } from "./session.ts";
import type { SessionAction, SessionEvent, SessionMessage } from "./session-event.ts";
import type { SessionLimits } from "./session-settings.ts";
import type { SessionTarget } from "./session-target.ts";

export const tokenizer = standInTokenizer();

const PLACEHOLDERS: CarryingManifest = {
  ...{ name: "en-de", source: "en", target: "de" },
  placeholders: { kinds: ["number", "code", "name", "term"], translated: [] },
};
export const CARRYING = carryingOf(PLACEHOLDERS, { glossary: [{ source: "the word", target: "das Wort" }] });

export function target(
  language: string,
  wait: Wait,
  maxSourceTokens = 160,
  prefix?: readonly number[],
  carrying?: Carrying,
): SessionTarget {
  return {
    language,
    model: `en-${language}`,
    wait,
    maxSourceTokens,
    prefix,
    openSource: () => openReader(tokenizer, carrying),
    openTarget: (table) => new TargetStream(tokenizer, table),
  };
}

/** A session and an engine that says the source back, when and as far as it is told to. */
export class Stage {
  readonly session: Session;
  readonly actions: SessionAction[] = [];
  now = 0;
  /** Chunks that one output covers at most. */
  maxRowTokens = 1000;
  readonly #targets: SessionTarget[];
  readonly #open = new Map<string, { target: number; segment: number; decoder: CtcDecoder }>();

  constructor(targets: SessionTarget[], settings: { timings?: boolean; limits?: Partial<SessionLimits> } = {}) {
    this.#targets = targets;
    this.session = new Session({ source: "en", targets, ...settings }, this.now);
  }

  tell(event: SessionEvent): this {
    for (const action of this.session.handle(event, this.now)) {
      this.actions.push(action);
      if (!("segment" in action)) continue;
      const key = `${action.target}/${action.segment}`;
      if (action.type === "open") {
        const { wait, maxSourceTokens } = this.#targets[action.target];
        const decoder = new CtcDecoder({ wait, maxSourceTokens, slotsPerToken: 2 });
        this.#open.set(key, { target: action.target, segment: action.segment, decoder });
      } else if (action.type === "push") this.#open.get(key)!.decoder.read(action.ids);
      else if (action.type === "finish") this.#open.get(key)!.decoder.end();
      else this.#open.delete(key);
    }
    return this;
  }

  say(text: string, at?: number): this {
    return this.tell({ type: "text", text, at });
  }

  get openSegments(): string[] {
    return [...this.#open.keys()];
  }

  /** Runs one step of one segment; `choice` says which. False when nothing is due. */
  step(choice = 0): boolean {
    const open = [...this.#open];
    for (let offset = 0; offset < open.length; offset++) {
      const [key, entry] = open[(choice + offset) % open.length];
      const { target, segment, decoder } = entry;
      const row = decoder.next(this.maxRowTokens);
      if (!row) continue;
      const slotIds = row.chunks.flatMap((id) => [id === EOS_ID ? BLANK_ID : id, BLANK_ID]);
      const parts = decoder.acceptParts({ slotIds, slotScores: slotIds.map(() => 0) });
      const ids = parts.flatMap((part) => part.ids);
      const needs = parts[0]?.needs ?? 0;
      const { done, tokensRead } = decoder;
      const output = { ids, tokensRead, needs, done, queueMs: 1, computeMs: 2, batchSize: 1 };
      if (done) this.#open.delete(key);
      this.tell({ type: "output", target, segment, output });
      return true;
    }
    return false;
  }

  settle(): this {
    while (this.step());
    return this;
  }

  get messages(): SessionMessage[] {
    return this.actions.flatMap((action) => (action.type === "emit" ? [action.message] : []));
  }

  finals(language?: string): FinalMessage[] {
    return this.messages.filter(
      (message): message is FinalMessage => message.type === "final" && (!language || message.target === language),
    );
  }

  deltas(): DeltaMessage[] {
    return this.messages.filter((message): message is DeltaMessage => message.type === "delta");
  }
}

/** What a client may rely on. */
export function checkStream(stage: Stage): void {
  const texts = new Map<string, string>();
  const nextFinal = new Map<string, number>();
  let seq = 0;
  for (const message of stage.messages) {
    if (message.type !== "delta" && message.type !== "final") continue;
    expect(message.seq).toBe(++seq);
    const { target, segment } = message;
    expect(segment).toBe(nextFinal.get(target) ?? 0);
    const before = texts.get(target) ?? "";
    if (message.type === "delta") {
      expect(message.text).not.toBe("");
      if (before === "") expect(message.text).not.toMatch(/^\s/);
      texts.set(target, before + message.text);
    } else {
      expect(message.text).toBe(before);
      texts.set(target, "");
      nextFinal.set(target, segment + 1);
    }
  }
}
