// All rooms of a server: speakers join them by name, viewers watch a language each, and nobody waits for a viewer.
import type { Caller } from "../admission/caller.ts";
import type { HttpRequest } from "../http/request.ts";
import { type HttpResponse, respondJson, respondProblem } from "../http/response.ts";
import { ERROR_RULES } from "../protocol/close-codes.ts";
import { NAME_MAX_LENGTH, ROOMS_PATH, SLOW_CLOSE_MS } from "../protocol/limits.ts";
import { ProtocolError, toProtocolError } from "../protocol/protocol-error.ts";
import { type RoomMessage, type RoomResponse, roomNameSchema } from "../protocol/room-messages.ts";
import type { SessionMessage } from "../session/session-event.ts";
import type { SessionCallbacks } from "../transport/stream.ts";
import type { Connection, ConnectionHandler, StreamRequest } from "../transport/transport.ts";
import { Room } from "./room.ts";

/** Rooms that are remembered at once: those whose speaker left longest ago are forgotten first. */
const ROOMS_MAX = 10_000;
const SWEEP_MS = 5_000;

/** Who speaks in a room, and in which languages. */
export interface RoomSpeaker {
  caller: Caller;
  source: string;
  targets: readonly string[];
}

export interface RoomsOptions {
  /** Whether there are rooms at all. */
  enabled: boolean;
  /** Viewers of all rooms at once. */
  maxViewers: number;
  /** Viewers of one address at once; 0: no limit. */
  addressViewers: number;
  /** Finished segments of each language that are kept for who comes late. */
  keptLines: number;
  /** How long a room is kept after its speaker has left. */
  keepMs: number;
  /** Who a viewer is. Throws ProtocolError where it may not come in. */
  admit(request: StreamRequest): Caller;
  /** Sends a frame to all subscribers of a topic. @returns how many there are */
  publish(topic: string, frame: string): number;
  /** Milliseconds of Unix time. */
  clock(): number;
  epoch(): string;
  /** So many viewers were sent a frame. */
  onDelivered(viewers: number): void;
  /** A viewer was cut off because it did not read. */
  onDropped(): void;
}

/** A speaker's hold on its room. */
interface Hold {
  caller: Caller;
  /** Ends the speaker's stream. */
  end(error: ProtocolError): void;
}

interface Entry {
  room: Room;
  hold?: Hold;
  /** The key whose room it is, where the server has keys. */
  key?: string;
}

export class Rooms {
  readonly #options: RoomsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #viewersOf = new Map<string, number>();
  readonly #connections = new Set<Connection>();
  readonly #sweeping: NodeJS.Timeout;
  #onEmpty: () => void = () => {};

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.#sweeping = setInterval(() => this.sweep(), SWEEP_MS).unref();
  }

  /** Rooms that somebody speaks in. */
  get live(): number {
    let live = 0;
    for (const { room } of this.#entries.values()) if (room.live) live += 1;
    return live;
  }

  get viewers(): number {
    return this.#connections.size;
  }

  /**
   * A session's callbacks, with its messages published to a room as well. `undefined` as a name publishes nothing.
   *
   * @throws ProtocolError `bad_request` with the field `room`: somebody else speaks there, or it is another key's;
   * `overloaded` where there are too many rooms
   */
  publishing(name: string | undefined, speaker: RoomSpeaker, callbacks: SessionCallbacks): SessionCallbacks {
    if (name === undefined) return callbacks;
    const entry = this.#entry(name);
    this.#claim(entry, speaker.caller);
    const hold: Hold = {
      caller: speaker.caller,
      end: ({ code, message, field }) => {
        callbacks.emit({ type: "error", code, message, field, fatal: true });
        callbacks.close(ERROR_RULES[code].close);
      },
    };
    entry.hold = hold;
    entry.key = speaker.caller.holder?.key;
    entry.room.open(speaker.source, speaker.targets);
    const leave = () => {
      if (entry.hold !== hold) return;
      entry.hold = undefined;
      entry.room.leave();
    };
    return {
      emit: (message: SessionMessage, measure) => {
        callbacks.emit(message, measure);
        if (entry.hold === hold && (message.type === "delta" || message.type === "final")) entry.room.take(message);
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

  /** A viewer's WebSocket, at `{room}?target=de&after=EPOCH.SEQ`: the room's messages go out, and nothing is read. */
  watch(connection: Connection, request: StreamRequest & { path: string }): ConnectionHandler {
    let leave: (() => void) | undefined;
    try {
      leave = this.#addViewer(connection, request);
    } catch (error) {
      const told = toProtocolError(error);
      connection.send(JSON.stringify({ type: "error", ...told.details, fatal: true }));
      connection.close(ERROR_RULES[told.code].close, told.code);
    }
    return { message: () => {}, closed: () => leave?.() };
  }

  /** Answers `GET /v1/rooms/{room}`. Throws ProtocolError where the caller may not come in. */
  respond(request: HttpRequest, shown: StreamRequest): HttpResponse {
    const name = roomNameSchema.safeParse(request.path.slice(ROOMS_PATH.length));
    if (!name.success) return respondProblem(404, "there is no room of this name");
    this.#options.admit(shown);
    const room = this.#entries.get(name.data)?.room;
    const { live = false, source, targets = [], viewers = 0 } = room ?? {};
    const state = {
      room: name.data,
      live,
      ...(source === undefined ? {} : { source }),
      targets: [...targets],
      viewers,
    };
    return respondJson(200, state satisfies RoomResponse, { "access-control-allow-origin": "*" });
  }

  /** Forgets the rooms that nobody needs any more. */
  sweep(): void {
    for (const [name, { room }] of this.#entries) {
      if (room.forgettable(this.#options.keepMs)) this.#entries.delete(name);
    }
  }

  /** Sends all viewers away: another server may be there already. Resolves when they are gone, or after the limit. */
  async close(limitMs: number): Promise<void> {
    clearInterval(this.#sweeping);
    const gone = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      if (this.viewers === 0) resolve();
    });
    const error = new ProtocolError("shutting_down", "the server is shutting down: connect again");
    for (const connection of this.#connections) {
      connection.send(JSON.stringify({ type: "error", ...error.details, fatal: true }));
      connection.close(1001, error.code);
    }
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([gone, new Promise((resolve) => (timer = setTimeout(resolve, limitMs)))]);
    clearTimeout(timer);
  }

  /** The room is this speaker's, or the error says why not. One who comes again takes it over from its lost connection. */
  #claim({ room, hold, key }: Entry, { holder, address }: Caller): void {
    if (key !== undefined && key !== holder?.key) {
      throw new ProtocolError("bad_request", "this room is another key's", { field: "room" });
    }
    if (!room.live || hold === undefined) return;
    const same = hold.caller.holder === undefined ? hold.caller.address === address : true;
    if (!same) throw new ProtocolError("bad_request", "another stream speaks in this room", { field: "room" });
    room.leave();
    hold.end(new ProtocolError("bad_request", "another stream of yours speaks in this room now", { field: "room" }));
  }

  /** @throws ProtocolError `bad_request` where there are no rooms, `overloaded` where there are too many */
  #entry(name: string): Entry {
    if (!this.#options.enabled) {
      throw new ProtocolError("bad_request", "this server has no rooms", { field: "room" });
    }
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    if (this.#entries.size >= ROOMS_MAX) this.#forgetOne();
    const { keptLines, clock, epoch } = this.#options;
    const publish = (of: string, target: string, message: RoomMessage) => {
      const sent = this.#options.publish(topicOf(of, target), JSON.stringify(message));
      if (sent > 0) this.#options.onDelivered(sent);
    };
    const entry: Entry = { room: new Room(name, { epoch: epoch(), keptLines, publish, clock }) };
    this.#entries.set(name, entry);
    return entry;
  }

  /** Makes room for another one. @throws ProtocolError `overloaded` */
  #forgetOne(): void {
    const [oldest] = [...this.#entries]
      .filter(([, { room }]) => room.forgettable(0))
      .sort(([, one], [, other]) => (one.room.leftAt ?? 0) - (other.room.leftAt ?? 0));
    if (oldest === undefined) throw new ProtocolError("overloaded", "all rooms are taken", { retryAfter: 5 });
    this.#entries.delete(oldest[0]);
  }

  #addViewer(connection: Connection, request: StreamRequest & { path: string }): () => void {
    const name = roomNameSchema.safeParse(request.path.slice(ROOMS_PATH.length));
    if (!name.success)
      throw new ProtocolError("bad_request", `room ${name.error.issues[0].message}`, { field: "room" });
    const parameters = new URLSearchParams(request.query);
    const target = parameters.get("target") ?? "";
    if (target.length > NAME_MAX_LENGTH) {
      throw new ProtocolError("bad_request", "target must be a language code", { field: "target" });
    }
    const { address } = this.#options.admit(request);
    const { room } = this.#entry(name.data);
    const leaveAddress = this.#takePlace(address);
    for (const message of room.watch(target, placeOf(parameters.get("after") ?? ""))) {
      connection.send(JSON.stringify(message));
    }
    this.#connections.add(connection);
    connection.subscribe(topicOf(name.data, target), () => {
      this.#options.onDropped();
      connection.close(1013, "slow_consumer", SLOW_CLOSE_MS);
    });
    return () => {
      this.#connections.delete(connection);
      if (this.viewers === 0) this.#onEmpty();
      room.unwatch(target);
      leaveAddress();
    };
  }

  /** @throws ProtocolError `overloaded`, `rate_limited` */
  #takePlace(address: string): () => void {
    const { maxViewers, addressViewers } = this.#options;
    if (this.viewers >= maxViewers) {
      throw new ProtocolError("overloaded", "all places for viewers are taken", { retryAfter: 5 });
    }
    const count = this.#viewersOf.get(address) ?? 0;
    if (addressViewers > 0 && count >= addressViewers) {
      throw new ProtocolError("rate_limited", "this address has all the viewers it may have", { retryAfter: 5 });
    }
    this.#viewersOf.set(address, count + 1);
    return () => {
      const left = (this.#viewersOf.get(address) ?? 1) - 1;
      if (left > 0) this.#viewersOf.set(address, left);
      else this.#viewersOf.delete(address);
    };
  }
}

/** A language of a room, as the transport's topics are called; "" for those who have not chosen one. */
function topicOf(room: string, target: string): string {
  return `room/${room}/${target}`;
}

/** `EPOCH.SEQ`, as a viewer says what it has; undefined for what is none. */
function placeOf(text: string): { epoch: string; seq: number } | undefined {
  const [, epoch, seq] = /^([\w-]{1,64})\.(\d{1,15})$/.exec(text) ?? [];
  return epoch === undefined ? undefined : { epoch, seq: Number(seq) };
}
