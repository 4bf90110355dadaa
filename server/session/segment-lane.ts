// One segment in one target: source pieces to tokens with their arrival times, engine outputs to text with its lag.

import { PlaceholderTable } from "../../models/placeholder-table.ts";
import type { EngineOutput } from "../engine/engine.ts";
import { averageLagging, type Write, wordDelays } from "./lagging.ts";
import type { SessionTarget, SourcePiece, SourceReader, TargetWriter } from "./session-target.ts";

/** What an engine output wrote. */
export interface Written {
  /** Text to append; can be empty. */
  text: string;
  /** Source words read. */
  read: number;
  /** When the word (or the end) arrived that allowed the oldest chunk of this output, on the session's clock. */
  allowedAt: number;
}

export class SegmentLane {
  readonly #source: SourceReader;
  readonly #target: TargetWriter;
  readonly #table = new PlaceholderTable();
  /** Tags that the engine reads before the first token; they count as no token of the segment. */
  readonly #prefix: readonly number[];
  /** Token index at which each word starts, and (tokens so far, when) of each arrival. */
  readonly #wordStarts: number[] = [];
  readonly #arrivals: { tokens: number; at: number }[] = [];
  readonly #writes: Write[] = [];
  #unsent: number[] = [];
  #tokens = 0;
  #characters = 0;
  #tokensRead = 0;
  #endedAt: number | undefined;
  #finished = false;
  #targetTokens = 0;
  #text = "";
  /** The tail that was told last, since text was last written. */
  #tail = "";

  constructor(target: SessionTarget) {
    this.#source = target.openSource();
    this.#target = target.openTarget(this.#table);
    this.#prefix = target.prefix ?? [];
  }

  /** Source tokens of complete pieces so far, without the prefix. */
  get tokens(): number {
    return this.#tokens;
  }

  /** The most tokens that it can have once what its reader holds back is complete. */
  get tokensAtMost(): number {
    return this.#tokens + (this.#source.heldTokens ?? 0);
  }

  get words(): number {
    return this.#wordStarts.length;
  }

  get targetTokens(): number {
    return this.#targetTokens;
  }

  get text(): string {
    return this.#text;
  }

  /** Whether the engine has been given all of it, the end included. */
  get finished(): boolean {
    return this.#finished;
  }

  /** Source characters that the engine has not read, by the share of tokens that it has not. */
  get pendingCharacters(): number {
    if (this.#tokens === 0) return this.#characters;
    return Math.ceil((this.#characters * (this.#tokens - this.#tokensRead)) / this.#tokens);
  }

  append(piece: string, now: number): void {
    this.#characters += piece.length;
    this.#take(this.#source.push(piece), now);
  }

  end(now: number): void {
    this.#take(this.#source.flush(), now);
    if (this.#tokens === 0) this.#unsent.push(...this.#prefix);
    this.#endedAt = now;
  }

  /** The ids that the engine has not been given yet; they count as given from here. */
  takeIds(): number[] {
    const ids = this.#unsent;
    this.#unsent = [];
    return ids;
  }

  /** Whether the engine is due to be told of the end; it counts as told from here. */
  takeEnd(): boolean {
    this.#finished ||= this.#endedAt !== undefined && this.#unsent.length === 0;
    return this.#finished;
  }

  write(output: EngineOutput): Written {
    const text = this.#target.push(output.ids);
    this.#text += text;
    this.#targetTokens += output.ids.length;
    // The engine counts the prefix: its chunks are allowed at the earliest by the first token, with which it is sent.
    this.#tokensRead = Math.max(0, output.tokensRead - this.#prefix.length);
    const read = this.#wordsBefore(this.#tokensRead);
    if (text) this.#tail = "";
    if (text) this.#writes.push({ length: this.#text.length, read });
    return { text, read, allowedAt: this.#arrivalOf(output.needs - 1 - this.#prefix.length) };
  }

  /** What the text would go on with; undefined where that was told already. */
  tail(ids: number[]): string | undefined {
    const text = this.#target.peek(ids);
    if (text === this.#tail) return undefined;
    this.#tail = text;
    return text;
  }

  /** Average lagging in source words; undefined when nothing was written. */
  averageLagging(): number | undefined {
    return averageLagging(wordDelays(this.#text, this.#writes), this.words);
  }

  #take(pieces: SourcePiece[], now: number): void {
    if (pieces.length > 0 && this.#tokens === 0) this.#unsent.push(...this.#prefix);
    for (const { startsWord, ...piece } of pieces) {
      const ids = this.#table.idsOf(piece);
      if (startsWord || this.#wordStarts.length === 0) this.#wordStarts.push(this.#tokens);
      this.#tokens += ids.length;
      for (const id of ids) this.#unsent.push(id);
    }
    if (pieces.length === 0) return;
    const last = this.#arrivals.at(-1);
    if (last?.at === now) last.tokens = this.#tokens;
    else this.#arrivals.push({ tokens: this.#tokens, at: now });
  }

  #wordsBefore(tokens: number): number {
    let words = this.#wordStarts.length;
    while (words > 0 && this.#wordStarts[words - 1] >= tokens) words--;
    return words;
  }

  /** When the token arrived; for one past the last, when the segment's end did. */
  #arrivalOf(token: number): number {
    const arrival = this.#arrivals.find(({ tokens }) => token < tokens);
    return arrival?.at ?? this.#endedAt ?? this.#arrivals.at(-1)?.at ?? 0;
  }
}
