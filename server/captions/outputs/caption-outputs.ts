// All caption outputs of a server: sessions join them by name, viewers watch them over HTTP and WebSocket.
import type { HttpRequest } from "../../http/request.ts";
import { type HttpResponse, respond, respondProblem } from "../../http/response.ts";
import { CAPTIONS_PATH } from "../../protocol/limits.ts";
import { ProtocolError, toProtocolError } from "../../protocol/protocol-error.ts";
import type { SessionMessage } from "../../session/session-event.ts";
import type { SessionCallbacks } from "../../transport/stream-host.ts";
import type { Connection, ConnectionHandler, StreamRequest } from "../../transport/transport.ts";
import type { CaptionChannel } from "./caption-channel.ts";
import { CaptionOutput, type CaptionOutputOptions } from "./caption-output.ts";
import type { OutputSettings } from "./outputs-file.ts";

export interface CaptionOutputsOptions extends CaptionOutputOptions {
  /** Throws ProtocolError where a viewer of an output that is not public may not come in. */
  admit(request: StreamRequest): void;
}

/** So that nobody on the way takes a silent stream of events for dead. */
const HEARTBEAT_MS = 5_000;
const LANGUAGE = /^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*$/;
/** Pages of other sites may read captions: they come without cookies, and with a key where one is needed. */
const ANY_ORIGIN = { "access-control-allow-origin": "*" };

/** Who publishes to an output, until it leaves. */
export interface Publication {
  channel: CaptionChannel;
  /** Shows what waits, and lets others publish. */
  leave(): void;
}

export class CaptionOutputs {
  readonly #outputs: ReadonlyMap<string, CaptionOutput>;
  readonly #options: CaptionOutputsOptions;
  readonly #beating: NodeJS.Timeout;

  constructor(settings: Readonly<Record<string, OutputSettings>>, options: CaptionOutputsOptions) {
    this.#options = options;
    this.#outputs = new Map(Object.entries(settings).map(([name, one]) => [name, new CaptionOutput(one, options)]));
    this.#beating = setInterval(() => {
      for (const { events } of this.#outputs.values()) events.beat(":\n\n");
    }, HEARTBEAT_MS).unref();
  }

  /**
   * Takes an output for one publisher.
   * @throws ProtocolError `bad_request` with the field `captions`: there is no such output, or another publishes there
   */
  join(name: string): Publication {
    const output = this.#outputs.get(name);
    if (output === undefined) {
      throw new ProtocolError("bad_request", "this server has no caption output of this name", { field: "captions" });
    }
    if (output.taken) {
      throw new ProtocolError("bad_request", "another stream feeds this caption output", { field: "captions" });
    }
    output.taken = true;
    let left = false;
    return {
      channel: output.channel,
      leave: () => {
        if (left) return;
        left = true;
        output.channel.flush();
        output.taken = false;
      },
    };
  }

  /** A session's callbacks, with its messages published as well. `undefined` as a name publishes nothing. */
  publishing(name: string | undefined, callbacks: SessionCallbacks): SessionCallbacks {
    if (name === undefined) return callbacks;
    const { channel, leave } = this.join(name);
    return {
      emit: (message: SessionMessage, measure) => {
        callbacks.emit(message, measure);
        if (message.type !== "tentative") channel.take(message);
      },
      close: (code) => {
        leave();
        callbacks.close(code);
      },
      aborted: () => {
        leave();
        callbacks.aborted?.();
      },
    };
  }

  /**
   * Answers requests below CAPTIONS_PATH: `{output}/events`, `{output}/hls/{target}/playlist.m3u8` and its segments.
   * Throws ProtocolError where the viewer may not come in.
   */
  respond(request: HttpRequest, shown: StreamRequest): HttpResponse {
    const [name, kind, ...rest] = request.path.slice(CAPTIONS_PATH.length).split("/");
    const output = this.#outputs.get(name);
    if (output === undefined) return respondProblem(404, "there is no such caption output");
    if (!output.public) this.#options.admit(shown);
    if (kind === "events" && rest.length === 0) return openEvents(output, request);
    if (kind === "hls" && rest.length === 2) return hlsFile(output, rest[0], rest[1]);
    if (kind === "socket") return respondProblem(426, "this is a WebSocket", { upgrade: "websocket" });
    return respondProblem(404, "there is nothing at this path");
  }

  /** A WebSocket at `{output}/socket`: captions go out, and nothing is read. */
  watch(connection: Connection, request: StreamRequest & { path: string }): ConnectionHandler {
    let leave: (() => void) | undefined;
    try {
      leave = this.#addSocket(connection, request);
    } catch (error) {
      const told = toProtocolError(error);
      connection.close(told.code === "overloaded" ? 1013 : 1008, told.code);
    }
    return { message: () => {}, closed: () => leave?.() };
  }

  async close(): Promise<void> {
    clearInterval(this.#beating);
    await Promise.all([...this.#outputs.values()].map((output) => output.close()));
  }

  #addSocket(connection: Connection, request: StreamRequest & { path: string }): () => void {
    const [name, kind, ...rest] = request.path.slice(CAPTIONS_PATH.length).split("/");
    const output = this.#outputs.get(name);
    if (output === undefined || kind !== "socket" || rest.length > 0) {
      throw new ProtocolError("bad_request", "there is no such caption output");
    }
    if (!output.public) this.#options.admit(request);
    const parameters = new URLSearchParams(request.query);
    const outbox = {
      get bufferedBytes() {
        return connection.bufferedBytes;
      },
      write: (text: string) => connection.send(text),
      close: () => connection.close(1013, "slow_consumer"),
    };
    const leave = output.sockets.add(outbox, targetOf(parameters), lastIdOf(parameters.get("after") ?? ""));
    if (leave === undefined) throw new ProtocolError("overloaded", "all places are taken", { retryAfter: 5 });
    return leave;
  }
}

function openEvents(output: CaptionOutput, request: HttpRequest): HttpResponse {
  const parameters = new URLSearchParams(request.query);
  const lastId = lastIdOf(request.header("last-event-id"));
  if (output.events.full) throw new ProtocolError("overloaded", "all places are taken", { retryAfter: 5 });
  const headers = { ...ANY_ORIGIN, "x-accel-buffering": "no" };
  return {
    ...respond(200, "text/event-stream; charset=utf-8", "", headers),
    open: (body) => {
      // How long a browser waits before it comes again. Milliseconds.
      body.write("retry: 1000\n\n");
      return output.events.add(body, targetOf(parameters), lastId) ?? (() => {});
    },
  };
}

function hlsFile({ hls }: CaptionOutput, target: string, file: string): HttpResponse {
  if (hls === undefined || !LANGUAGE.test(target)) return respondProblem(404, "this output has no such HLS captions");
  if (file === "playlist.m3u8") {
    const playlist = hls.playlist(target);
    if (playlist === undefined) return respondProblem(404, "nothing was said in this language");
    return respond(200, "application/vnd.apple.mpegurl", playlist, { ...ANY_ORIGIN, "cache-control": "max-age=1" });
  }
  const [, index] = /^(\d{1,12})\.vtt$/.exec(file) ?? [];
  const segment = index === undefined ? undefined : hls.segment(target, Number(index));
  if (segment === undefined) return respondProblem(404, "there is no such segment now");
  return respond(200, "text/vtt; charset=utf-8", segment, { ...ANY_ORIGIN, "cache-control": "max-age=60" });
}

function targetOf(parameters: URLSearchParams): string | undefined {
  return parameters.get("target") || undefined;
}

function lastIdOf(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
