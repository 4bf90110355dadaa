// All rooms of a server: speakers join them by name, viewers watch a language each, and nobody waits for a viewer.
import { randomUUID } from "node:crypto";
import type { Caller } from "../admission/caller.ts";
import type { HttpRequest } from "../http/request.ts";
import { type HttpResponse, respondJson, respondProblem } from "../http/response.ts";
import { ERROR_RULES } from "../protocol/close-codes.ts";
import { NAME_MAX_LENGTH, ROOMS_PATH, SLOW_CLOSE_MS } from "../protocol/limits.ts";
import { ProtocolError, toProtocolError } from "../protocol/protocol-error.ts";
import { type RoomMessage, type RoomResponse, roomNameSchema } from "../protocol/room-messages.ts";
import type { SessionMessage } from "../session/session-event.ts";
import type { SessionCallbacks } from "../transport/stream-host.ts";
import type { Connection, ConnectionHandler, StreamRequest } from "../transport/transport.ts";
import { Room } from "./room.ts";
import type { RoomRelay } from "./room-relay.ts";
import type { SpokenMessage } from "./room-track.ts";
import { SharedRoom } from "./shared-room.ts";
import { ViewerPlaces } from "./viewer-places.ts";

/** Rooms that are remembered at once: those whose speaker left longest ago are forgotten first. */
const ROOMS_MAX = 10_000;
const BEAT_MS = 2_000;

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
  /** The other servers of the rooms; absent where there are none. */
  relay?: RoomRelay | undefined;
}

/** Who wants a room: of this server or of another. */
interface Claimant {
  address: string;
  key?: string | undefined;
}

/** A speaker's hold on its room. */
interface Hold {
  address: string;
  /** What was said before it was known whether the speaker has the room. */
  waiting?: SpokenMessage[] | undefined;
  /** Ends the speaker's stream. */
  end(reason: string): void;
}

interface Entry {
  room: Room;
  shared?: SharedRoom;
  hold?: Hold | undefined;
  /** The key whose room it is, where the server has keys. */
  key?: string | undefined;
}

export class Rooms {
  readonly #options: RoomsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #places: ViewerPlaces;
  readonly #connections = new Set<Connection>();
  readonly #server = randomUUID();
  readonly #beating: NodeJS.Timeout;
  #onEmpty: () => void = () => {};

  constructor(options: RoomsOptions) {
    this.#options = options;
    this.#places = new ViewerPlaces(options);
    this.#beating = setInterval(() => this.beat(), BEAT_MS).unref();
    const { relay } = options;
    if (relay === undefined) return;
    relay.onUp = () => {
      for (const { shared } of this.#entries.values()) shared?.reachable();
    };
  }

  /** Rooms that somebody speaks in on this server. */
  get live(): number {
    let live = 0;
    for (const { hold } of this.#entries.values()) if (hold !== undefined) live += 1;
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
    const { address, holder } = speaker.caller;
    const reason = this.#giveUp(entry, { address, key: holder?.key });
    if (reason !== undefined) throw refusal(reason);
    const hold: Hold = {
      address,
      end: (why) => {
        const { code, message, field } = refusal(why);
        callbacks.emit({ type: "error", code, message, field, fatal: true });
        callbacks.close(ERROR_RULES[code].close);
      },
    };
    entry.hold = hold;
    entry.key = holder?.key;
    const leave = () => {
      if (entry.hold === hold) this.#leave(entry);
    };
    if (entry.shared === undefined) entry.room.open(speaker.source, speaker.targets);
    else void this.#openShared(entry, entry.shared, hold, speaker);
    return {
      emit: (message: SessionMessage, measure) => {
        callbacks.emit(message, measure);
        if (entry.hold !== hold || (message.type !== "delta" && message.type !== "final")) return;
        if (hold.waiting === undefined) say(entry, message);
        else hold.waiting.push(message);
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
    const { room, shared } = this.#entries.get(name.data) ?? {};
    const { live = false, source, targets = [] } = room ?? {};
    const viewers = (room?.viewers ?? 0) + (shared?.viewersElsewhere ?? 0);
    const state = {
      room: name.data,
      live,
      ...(source === undefined ? {} : { source }),
      targets: [...targets],
      viewers,
    };
    return respondJson(200, state satisfies RoomResponse, { "access-control-allow-origin": "*" });
  }

  /** From time to time: forgets the rooms that nobody needs any more, and speaks to the other servers. */
  beat(): void {
    for (const [name, { room, shared }] of this.#entries) {
      // A room of another server is there for its viewers' sake alone.
      const followed =
        shared !== undefined && !shared.owns && room.viewers === 0 && this.#entries.get(name)?.hold === undefined;
      if (followed || room.forgettable(this.#options.keepMs)) this.#forget(name);
      else shared?.beat();
    }
  }

  /** Sends all viewers away: another server may be there already. Resolves when they are gone, or after the limit. */
  async close(limitMs: number): Promise<void> {
    clearInterval(this.#beating);
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

  /**
   * Gives a room to a claimant. One that comes again takes it over from its own lost connection.
   * @returns why not
   */
  #giveUp({ room, hold, key }: Entry, claimant: Claimant): string | undefined {
    if (key !== undefined && key !== claimant.key) return "this room is another key's";
    if (hold === undefined) return undefined;
    if (key === undefined && hold.address !== claimant.address) return "another stream speaks in this room";
    const entry = this.#entries.get(room.name);
    if (entry !== undefined) this.#leave(entry);
    hold.end("another stream of yours speaks in this room now");
    return undefined;
  }

  #leave(entry: Entry): void {
    const opening = entry.hold?.waiting !== undefined;
    entry.hold = undefined;
    if (opening) return;
    entry.room.leave();
    entry.shared?.state();
  }

  /** Opens a room that another server may have: what is said meanwhile waits for its answer, a second at most. */
  async #openShared(entry: Entry, shared: SharedRoom, hold: Hold, { caller, source, targets }: RoomSpeaker) {
    hold.waiting = [];
    const reason = await shared.claim(caller);
    if (entry.hold !== hold) return;
    const waiting = hold.waiting;
    hold.waiting = undefined;
    if (reason !== undefined) {
      entry.hold = undefined;
      hold.end(reason);
      return;
    }
    entry.room.open(source, targets);
    shared.state();
    for (const message of waiting) say(entry, message);
  }

  #forget(name: string): void {
    this.#entries.get(name)?.shared?.close();
    this.#entries.delete(name);
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
    const room = new Room(name, { epoch: epoch(), keptLines, publish, clock });
    const entry: Entry = { room };
    this.#entries.set(name, entry);
    const { relay } = this.#options;
    if (relay === undefined) return entry;
    const giveUp = (claimant: Claimant) => this.#giveUp(entry, claimant);
    entry.shared = new SharedRoom({ room, relay, server: this.#server, clock, giveUp });
    return entry;
  }

  /** Makes room for another one. @throws ProtocolError `overloaded` */
  #forgetOne(): void {
    const [oldest] = [...this.#entries]
      .filter(([, { room }]) => room.forgettable(0))
      .sort(([, one], [, other]) => (one.room.leftAt ?? 0) - (other.room.leftAt ?? 0));
    if (oldest === undefined) throw new ProtocolError("overloaded", "all rooms are taken", { retryAfter: 5 });
    this.#forget(oldest[0]);
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
    const leavePlace = this.#places.take(address);
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
      leavePlace();
    };
  }
}

/** Publishes what a session says, to the other servers too. */
function say({ room, shared }: Entry, message: SpokenMessage): void {
  const told = room.take(message);
  shared?.line(told);
}

function refusal(reason: string): ProtocolError {
  return new ProtocolError("bad_request", reason, { field: "room" });
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
