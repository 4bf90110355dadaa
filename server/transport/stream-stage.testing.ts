// Streams over connections in memory with a session and a clock that the test leads.
import { Admission, type AdmissionOptions } from "../admission/admission.ts";
import { NO_LIMITS } from "../admission/budget.ts";
import { Visit } from "../admission/visit.ts";
import type { SessionOutcome } from "../metrics.ts";
import type { ErrorCode } from "../protocol/close-codes.ts";
import { type ServerMessage, serverMessageSchema } from "../protocol/server-messages.ts";
import type { DeltaMeasure, SessionMessage } from "../session/session-event.ts";
import { Link } from "./link.ts";
import { type MemoryClient, MemoryTransport } from "./memory-transport.ts";
import { Resumables } from "./resumables.ts";
import { Stream } from "./stream.ts";
import type { SessionCallbacks, StreamHost, StreamSession } from "./stream-host.ts";
import { DEFAULT_TRANSPORT_SETTINGS } from "./transport.ts";

/** A session that does what the test tells it. */
export class ScriptedSession implements StreamSession {
  readonly calls: string[] = [];
  closed = false;
  idle = true;
  words = 0;
  segments = 0;
  throwOn = "";
  readonly #callbacks: SessionCallbacks;

  constructor(callbacks: SessionCallbacks) {
    this.#callbacks = callbacks;
  }

  text(text: string, at?: number) {
    if (text === this.throwOn) throw new Error("a fault with secret details");
    this.calls.push(at === undefined ? `text ${text}` : `text ${text} at ${at}`);
  }
  revise(text: string, { stable, at }: { stable?: number; at?: number }) {
    this.calls.push(`revise ${text} ${stable} ${at}`);
  }
  commit() {
    this.calls.push("commit");
  }
  end() {
    this.calls.push("end");
    this.emit({ type: "done", segments: 2, words: 7, duration: 900 });
    this.#callbacks.close(1000);
  }
  abort() {
    this.calls.push("abort");
    this.closed = true;
  }
  emit(message: SessionMessage, measure?: DeltaMeasure) {
    this.#callbacks.emit(message, measure);
  }
  /** As a session does when its engine fails. */
  fail() {
    this.emit({ type: "error", code: "internal", message: "the engine failed", fatal: true });
    this.#callbacks.close(1011);
  }
}

export const OPEN_TO_ALL: AdmissionOptions = {
  ...{ verifiers: [], keyInQuery: false, allowedOrigins: [], trustedProxies: 0 },
  ...{ keyLimits: NO_LIMITS, addressLimits: NO_LIMITS },
};

export function setUp(overrides: Partial<StreamHost> = {}, admission = new Admission(OPEN_TO_ALL)) {
  const sessions: ScriptedSession[] = [];
  const settings: unknown[] = [];
  const faults: unknown[] = [];
  const closes: { id: string; code: number; outcome: SessionOutcome }[] = [];
  const streams: Stream[] = [];
  const errors: ErrorCode[] = [];
  const disconnects: number[] = [];
  const clock = { ms: 0 };
  const host: StreamHost = {
    models: [
      { model: "en-de", source: "en", target: "de", defaultWait: 3, segmentTokens: 159 },
      { model: "en-fr", source: "en", target: "fr", defaultWait: 5, segmentTokens: 99 },
    ],
    idleTimeoutMs: 60_000,
    textMaxCharacters: 10_000,
    admit: (request) => new Visit(admission, request, () => clock.ms),
    openSession: (pairs, given, callbacks) => {
      settings.push({ model: pairs.map(({ model }) => model).join("+"), ...given });
      sessions.push(new ScriptedSession(callbacks));
      return sessions[sessions.length - 1];
    },
    resumables: new Resumables({ graceMs: 0, keptBytes: 0 }),
    sessionId: () => `session-${streams.length}`,
    now: () => clock.ms,
    onReady: () => {},
    onMeasure: () => {},
    onError: (code) => errors.push(code),
    onNotice: () => {},
    onDetached: () => {},
    onResumed: () => {},
    onDisconnected: (code) => disconnects.push(code),
    onFault: (error) => faults.push(error),
    onClosed: (stream, code) => closes.push({ id: stream.id, code, outcome: stream.outcome }),
    ...overrides,
  };
  const transport = new MemoryTransport(
    {
      connect: (connection, request) => {
        const link = new Link(connection, host.now, host.onDisconnected);
        const stream = new Stream(host, link, request);
        link.stream = stream;
        streams.push(stream);
        return link;
      },
      respond: () => Promise.reject(new Error("not part of this test")),
    },
    { ...DEFAULT_TRANSPORT_SETTINGS, closeTimeoutMs: 10 },
  );
  return { transport, sessions, settings, faults, closes, streams, errors, disconnects, clock };
}

export const START = { type: "start", source: "en", target: "de" };

export function messages(client: MemoryClient): ServerMessage[] {
  return client.frames.map((frame) => serverMessageSchema.parse(JSON.parse(frame)));
}

export const say = (client: MemoryClient, message: unknown) => client.send(JSON.stringify(message));

export const turn = () => new Promise((resolve) => setImmediate(resolve));

export function final(segment: number): SessionMessage {
  return { type: "final", segment, target: "de", source: "a", text: "b", start: 0, end: 1, seq: segment + 1 };
}
