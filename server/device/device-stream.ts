// A stream without a server: the protocol's messages in and out, over the sessions that the server has.
import { targetsOf } from "../../models/tags.ts";
import type { ClientMessage, StreamSettings } from "../protocol/client-messages.ts";
import { type CloseCode, ERROR_RULES } from "../protocol/close-codes.ts";
import { OUTBOX_MAX_BYTES, PAYLOAD_MAX_BYTES, SUBPROTOCOL } from "../protocol/limits.ts";
import type { ServedPair } from "../protocol/pairs.ts";
import { parseClientMessage } from "../protocol/parse-message.ts";
import { ProtocolError, toProtocolError } from "../protocol/protocol-error.ts";
import type { ServerMessage } from "../protocol/server-messages.ts";
import { askedTargets } from "../session/asked-target.ts";
import { SessionRunner } from "../session/session-runner.ts";
import { DEFAULT_SESSION_LIMITS } from "../session/session-settings.ts";
import type { DeviceModel } from "./device-model.ts";

export interface DeviceStreamListener {
  message(message: ServerMessage): void;
  /** The stream is over; nothing follows. */
  closed(code: CloseCode): void;
}

/** Settings that only a server can do something with. */
const NEEDS_SERVER = ["captions", "room", "resume"] as const;

/** Takes frames as a connection to the server would, of one client that is this device's own. */
export class DeviceStream {
  readonly #model: DeviceModel;
  readonly #listener: DeviceStreamListener;
  readonly #pairs: readonly ServedPair[];
  readonly #openedAt = performance.now();
  #session: SessionRunner | undefined;
  #over = false;

  constructor(model: DeviceModel, listener: DeviceStreamListener) {
    const { manifest } = model;
    this.#model = model;
    this.#listener = listener;
    const { name, source } = manifest;
    this.#pairs = targetsOf(manifest).map((target) => ({ model: name, source, target }));
  }

  /** @param frame a client's message as JSON */
  frame(frame: string): void {
    if (this.#over) return;
    try {
      const parsed = parseClientMessage(frame, { started: this.#session !== undefined, pairs: this.#pairs });
      if (!parsed.ok) throw parsed.error;
      this.#take(parsed.message);
    } catch (error) {
      this.#refuse(toProtocolError(error));
    }
  }

  /** Gives up all that is under way; nothing is told of it. */
  drop(): void {
    this.#over = true;
    this.#session?.abort();
  }

  #take(message: ClientMessage): void {
    switch (message.type) {
      case "start":
        this.#start(message);
        break;
      case "text":
        this.#session?.text(message.text, message.at);
        break;
      case "revise":
        this.#session?.revise(message.text, { stable: message.stable, at: message.at });
        break;
      case "commit":
        this.#session?.commit();
        break;
      case "end":
        if (this.#session === undefined) this.#finishUnstarted();
        else this.#session.end();
        break;
      case "resume":
        throw new ProtocolError("bad_request", "a stream on the device is never cut: send `start`", { field: "type" });
      case "ping":
        this.#listener.message({ type: "pong", ...(message.id === undefined ? {} : { id: message.id }) });
        break;
    }
  }

  #start(settings: StreamSettings): void {
    const { manifest, engine } = this.#model;
    const { source, name, limits } = manifest;
    const served = NEEDS_SERVER.find((field) => settings[field] !== undefined && settings[field] !== false);
    if (served !== undefined) {
      throw new ProtocolError("bad_request", `${served} needs a server: leave it out`, { field: served });
    }
    const languages = [settings.target].flat();
    const wait = settings.wait ?? manifest.lags?.default ?? "full";
    const places = languages.map((target) => ({ bundle: this.#model, target }));
    const targets = askedTargets(places, { ...settings, wait });
    this.#session = new SessionRunner({
      settings: { source, targets, timings: settings.timings ?? false },
      engine,
      now: () => performance.now(),
      emit: (message) => {
        if (!this.#over) this.#listener.message(message);
      },
      close: (code) => this.#finish(code),
    });
    const several = languages.length > 1;
    this.#listener.message({
      type: "ready",
      session: crypto.randomUUID(),
      protocol: SUBPROTOCOL,
      model: several ? languages.map(() => name) : name,
      source,
      target: several ? languages : languages[0],
      wait,
      limits: {
        payloadBytes: PAYLOAD_MAX_BYTES,
        textCharacters: DEFAULT_SESSION_LIMITS.maxMessageCharacters,
        segmentTokens: limits.maxSourceTokens - 1 - Math.max(...targets.map(({ prefix = [] }) => prefix.length)),
        outboxBytes: OUTBOX_MAX_BYTES,
        idleTimeoutMs: 0,
      },
    });
  }

  #finishUnstarted(): void {
    const duration = Math.round(performance.now() - this.#openedAt);
    this.#listener.message({ type: "done", segments: 0, words: 0, duration });
    this.#finish(1000);
  }

  #refuse(error: ProtocolError): void {
    this.#listener.message({ type: "error", ...error.details, fatal: error.fatal });
    if (!error.fatal) return;
    this.#session?.abort();
    this.#finish(ERROR_RULES[error.code].close);
  }

  #finish(code: CloseCode): void {
    if (this.#over) return;
    this.#over = true;
    this.#listener.closed(code);
  }
}
