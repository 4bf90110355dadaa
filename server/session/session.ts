// A session as a pure state machine: text and engine outputs in, engine work and messages out. No socket, no clock.

import type { EngineFailure, EngineOutput } from "../engine/engine.ts";
import { type CloseCode, ERROR_RULES } from "../protocol/close-codes.ts";
import type { ErrorMessage } from "../protocol/server-messages.ts";

import { Hypothesis } from "./hypothesis.ts";
import { type MessageContext, rounded, type Segment, writeDelta, writeFinal } from "./segment.ts";
import { SegmentLane } from "./segment-lane.ts";
import { Segmenter } from "./segmenter.ts";
import type { SessionAction, SessionEvent, SessionMessage } from "./session-event.ts";
import { DEFAULT_SESSION_LIMITS, type SessionLimits, type SessionSettings } from "./session-settings.ts";

/** A target's segments whose finals are not out, in order. The first `submitted` of them are in the engine. */
interface Line {
  queue: { segment: Segment; lane: SegmentLane; outputs: EngineOutput[] }[];
  submitted: number;
}

const MIXED = "what was said since the last `commit` came in the other way, by `text` or `revise`: send `commit` first";
const CONTRADICTED =
  "the hypothesis says otherwise than what was read already: that is kept, since text never goes back";

/** Takes events with the time, gives actions. Times are milliseconds of one monotonic clock, the caller's. */
export class Session {
  readonly #settings: SessionSettings;
  readonly #limits: SessionLimits;
  readonly #segmenter: Segmenter;
  readonly #hypothesis = new Hypothesis();
  readonly #lines: Line[];
  readonly #beganAt: number;
  #actions: SessionAction[] = [];
  #now: number;
  /** The speaker's clock now, and when what the segmenter holds back was said. */
  #speakerClock = 0;
  #heldSince = 0;
  /** Whether `text` has come since the last `commit`: then no hypothesis can stand for all that was said. */
  #texted = false;
  #open: Segment | undefined;
  #segments = 0;
  #words = 0;
  #seq = 0;
  #ending = false;
  #closed = false;

  constructor(settings: SessionSettings, now: number) {
    if (settings.targets.length === 0) throw new RangeError("a session needs a target");
    this.#settings = settings;
    this.#limits = { ...DEFAULT_SESSION_LIMITS, ...settings.limits };
    this.#beganAt = now;
    this.#now = now;
    this.#lines = settings.targets.map(() => ({ queue: [], submitted: 0 }));
    this.#segmenter = new Segmenter({
      language: settings.source,
      maxSourceTokens: Math.min(
        ...settings.targets.map(({ maxSourceTokens, prefix = [] }) => maxSourceTokens - prefix.length),
      ),
      sink: { append: (piece) => this.#append(piece), close: () => this.#close() },
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether no final is due: nothing is open and nothing is in the engine. */
  get idle(): boolean {
    const held = this.#segmenter.heldCharacters > 0 || this.#hypothesis.waiting;
    return !held && this.#lines.every((line) => line.queue.length === 0);
  }

  /** Segments opened so far. */
  get segments(): number {
    return this.#segments;
  }

  /** Source words of the segments that have ended. */
  get words(): number {
    return this.#words;
  }

  /** Text taken that the engine has not read, in the target that is furthest behind. UTF-16 units. */
  get pendingCharacters(): number {
    const behind = this.#lines.map(({ queue }) => queue.reduce((sum, { lane }) => sum + lane.pendingCharacters, 0));
    return this.#segmenter.heldCharacters + Math.max(...behind);
  }

  /** Nothing comes back once the session is closed. */
  handle(event: SessionEvent, now: number): SessionAction[] {
    if (this.#closed) return [];
    this.#now = now;
    this.#actions = [];
    switch (event.type) {
      case "text":
        this.#text(event.text, event.at ?? now - this.#beganAt);
        break;
      case "revise":
        this.#revise(event.text, event.stable, event.at ?? now - this.#beganAt);
        break;
      case "commit":
        if (this.#ending) this.#refuse("bad_request", "commit after end");
        else this.#commit();
        break;
      case "end":
        if (this.#ending) this.#refuse("bad_request", "end after end");
        else this.#end();
        break;
      case "output":
        this.#output(event.target, event.segment, event.output);
        break;
      case "tail":
        this.#tail(event.target, event.segment, event.ids);
        break;
      case "failure":
        this.#fail(event.target, event.failure);
        break;
      case "abort":
        this.#cancelAll();
        this.#closed = true;
        break;
    }
    if (!this.#closed) this.#submit();
    return this.#actions;
  }

  #text(text: string, speakerClock: number): void {
    if (this.#ending) this.#refuse("bad_request", "text after end");
    else if (this.#hypothesis.open) this.#refuse("bad_request", MIXED, { field: "type" });
    else if (this.#hasRoom(text.length, text.length)) {
      this.#texted ||= text.trim() !== "";
      this.#speakerClock = speakerClock;
      this.#push(text);
    }
  }

  #revise(text: string, stable: number | undefined, speakerClock: number): void {
    if (this.#ending) this.#refuse("bad_request", "revise after end");
    else if (this.#texted) this.#refuse("bad_request", MIXED, { field: "type" });
    else if (this.#hasRoom(text.length, text.length - this.#hypothesis.takenCharacters)) {
      this.#speakerClock = speakerClock;
      const revision = this.#hypothesis.revise(text, stable);
      this.#push(revision.text);
      if (revision.contradicts) {
        this.#actions.push({ type: "emit", message: { type: "notice", code: "contradicted", message: CONTRADICTED } });
      }
    }
  }

  /** Whether a message of that length may come in, and that much of it into the engine; refuses it otherwise. */
  #hasRoom(characters: number, added: number): boolean {
    const { maxMessageCharacters, maxPendingCharacters } = this.#limits;
    const pending = this.pendingCharacters;
    if (characters > maxMessageCharacters) {
      const message = `text has ${characters} characters, the limit is ${maxMessageCharacters}`;
      this.#refuse("too_large", message, { field: "text" });
      return false;
    }
    if (pending + added > maxPendingCharacters) {
      const message = `${pending} characters wait to be translated, the limit is ${maxPendingCharacters}: send this later`;
      this.#refuse("overloaded", message, { field: "text", retryAfter: 1 });
      return false;
    }
    return true;
  }

  #push(text: string): void {
    if (text === "") return;
    if (this.#segmenter.heldCharacters === 0) this.#heldSince = this.#speakerClock;
    this.#segmenter.push(text);
  }

  #commit(): void {
    this.#push(this.#hypothesis.commit());
    this.#texted = false;
    this.#segmenter.commit();
  }

  #end(): void {
    this.#commit();
    this.#ending = true;
    this.#finishIfDone();
  }

  #append(piece: string): number {
    this.#open ??= this.#openSegment();
    const segment = this.#open;
    segment.source += piece;
    segment.end = this.#speakerClock;
    this.#heldSince = this.#speakerClock;
    for (const lane of segment.lanes) lane.append(piece, this.#now);
    return Math.max(...segment.lanes.map((lane) => lane.tokensAtMost));
  }

  #openSegment(): Segment {
    const segment: Segment = {
      index: this.#segments++,
      source: "",
      start: this.#heldSince,
      end: this.#heldSince,
      openedAt: this.#now,
      endedAt: this.#now,
      lanes: this.#settings.targets.map((target) => new SegmentLane(target)),
    };
    for (const [index, lane] of segment.lanes.entries()) this.#lines[index].queue.push({ segment, lane, outputs: [] });
    return segment;
  }

  #close(): void {
    const segment = this.#open;
    if (!segment) return;
    this.#open = undefined;
    segment.endedAt = this.#now;
    for (const lane of segment.lanes) lane.end(this.#now);
    this.#words += segment.lanes[0].words;
  }

  /** Gives the engine what each target's first segments have that is new. */
  #submit(): void {
    for (const [target, line] of this.#lines.entries()) {
      const admitted = line.queue.slice(0, this.#limits.maxOpenSegments);
      for (const [place, { segment, lane }] of admitted.entries()) {
        if (lane.finished) continue;
        if (place >= line.submitted) {
          this.#actions.push({ type: "open", target, segment: segment.index });
          line.submitted++;
        }
        const ids = lane.takeIds();
        if (ids.length > 0) this.#actions.push({ type: "push", target, segment: segment.index, ids });
        if (lane.takeEnd()) this.#actions.push({ type: "finish", target, segment: segment.index });
      }
    }
  }

  #output(target: number, index: number, output: EngineOutput): void {
    const line = this.#lines[target];
    line.queue.find(({ segment }) => segment.index === index)?.outputs.push(output);
    for (let head = line.queue[0]; head?.outputs.length > 0; head = line.queue[0]) {
      const context: MessageContext = {
        segment: head.segment,
        lane: head.lane,
        target: this.#settings.targets[target].language,
        timings: this.#settings.timings ?? false,
        now: this.#now,
        nextSeq: () => ++this.#seq,
      };
      for (const next of head.outputs.splice(0)) {
        const delta = writeDelta(next, context);
        if (delta) this.#actions.push({ type: "emit", ...delta });
        if (!next.done) continue;
        this.#actions.push({ type: "emit", ...writeFinal(context) });
        line.queue.shift();
        line.submitted--;
      }
    }
    this.#finishIfDone();
  }

  /** Only the segment that is written now has a tail. */
  #tail(target: number, index: number, ids: number[]): void {
    const [head] = this.#lines[target].queue;
    if (head?.segment.index !== index) return;
    const text = head.lane.tail(ids);
    if (text === undefined) return;
    const { language } = this.#settings.targets[target];
    this.#actions.push({ type: "emit", message: { type: "tentative", segment: index, target: language, text } });
  }

  #finishIfDone(): void {
    if (!this.#ending || this.#lines.some((line) => line.queue.length > 0)) return;
    const duration = rounded(this.#now - this.#beganAt);
    this.#emitLast({ type: "done", segments: this.#segments, words: this.#words, duration }, 1000);
  }

  /** One target's failure ends the session: the others cannot go on without it. */
  #fail(target: number, { code, message }: EngineFailure): void {
    this.#cancelAll();
    const { targets } = this.#settings;
    const about = targets.length > 1 && { target: targets[target].language };
    this.#emitLast({ type: "error", code, message, ...about, fatal: true }, ERROR_RULES[code].close);
  }

  #emitLast(message: SessionMessage, code: CloseCode): void {
    this.#actions.push({ type: "emit", message }, { type: "close", code });
    this.#closed = true;
  }

  /** Refuses one message; the session goes on without it. */
  #refuse(code: ErrorMessage["code"], message: string, detail?: Pick<ErrorMessage, "field" | "retryAfter">): void {
    this.#actions.push({ type: "emit", message: { type: "error", code, message, fatal: false, ...detail } });
  }

  #cancelAll(): void {
    for (const [target, { queue, submitted }] of this.#lines.entries()) {
      for (const { segment } of queue.slice(0, submitted)) {
        this.#actions.push({ type: "cancel", target, segment: segment.index });
      }
    }
  }
}
