// A room: who speaks, its languages, and what is published to those who watch each of them.
import type { RoomLineMessage, RoomMessage, RoomStateMessage } from "../protocol/room-messages.ts";
import { RoomTrack, type SpokenMessage, type TrackHistory } from "./room-track.ts";

/** The most languages that a room remembers: of several speakers, one after the other. */
const TRACKS_MAX = 16;

/** A room as another server has it. */
export interface RoomHistory {
  epoch: string;
  live: boolean;
  source?: string | undefined;
  targets: string[];
  tracks: TrackHistory[];
}

export interface RoomOptions {
  epoch: string;
  keptLines: number;
  /** Sends a message to all who watch a language of the room; "" are those who have not chosen one. */
  publish(room: string, target: string, message: RoomMessage): void;
  /** Milliseconds of Unix time. */
  clock(): number;
}

export class Room {
  readonly name: string;
  readonly #options: RoomOptions;
  readonly #tracks = new Map<string, RoomTrack>();
  /** How many watch each language; "" none yet. */
  readonly #watching = new Map<string, number>();
  #epoch: string;
  #live = false;
  #source: string | undefined;
  #targets: readonly string[] = [];
  /** When the last speaker left. */
  leftAt: number | undefined;

  constructor(name: string, options: RoomOptions) {
    this.name = name;
    this.#options = options;
    this.#epoch = options.epoch;
  }

  get epoch(): string {
    return this.#epoch;
  }

  get live(): boolean {
    return this.#live;
  }

  get source(): string | undefined {
    return this.#source;
  }

  get targets(): readonly string[] {
    return this.#targets;
  }

  /** The last number of each language. */
  get seqs(): Record<string, number> {
    return Object.fromEntries([...this.#tracks.values()].map(({ target, seq }) => [target, seq]));
  }

  get viewers(): number {
    let viewers = 0;
    for (const count of this.#watching.values()) viewers += count;
    return viewers;
  }

  /** Whether nobody needs it any more, a time after its speaker left. */
  forgettable(keepMs: number): boolean {
    if (this.#live || this.viewers > 0) return false;
    return this.leftAt === undefined || this.#options.clock() - this.leftAt >= keepMs;
  }

  /** Somebody speaks from now on. */
  open(source: string, targets: readonly string[]): void {
    for (const track of this.#tracks.values()) track.withdraw();
    this.#setState({ live: true, source, targets });
    this.tell();
  }

  /** The speaker is gone: what was said stays. */
  leave(): void {
    this.#live = false;
    this.leftAt = this.#options.clock();
    this.tell();
  }

  /** Publishes what the speaker's session says. @returns what was published */
  take(message: SpokenMessage): RoomLineMessage {
    const told = this.#track(message.target).take(message, this.#options.clock());
    this.#options.publish(this.name, told.target, told);
    return told;
  }

  /** Publishes what another server's session says. @returns whether nothing before it is missing */
  apply(message: RoomLineMessage): boolean {
    const track = this.#track(message.target);
    if (message.seq <= track.seq) return true;
    if (message.seq !== track.seq + 1) return false;
    track.apply(message);
    this.#options.publish(this.name, message.target, message);
    return true;
  }

  /** Tells all who watch what the room is now, and what is open. */
  tell(): void {
    for (const target of this.#watching.keys()) this.#tellOf(target, this.#tracks.get(target)?.since(Infinity) ?? []);
  }

  /**
   * A viewer comes.
   * @param target the language; "" where none was chosen
   * @param after what it has: a number of an epoch. Of another epoch than the room's it has nothing
   * @returns what it is sent before all that is published from now on
   */
  watch(target: string, after?: { epoch: string; seq: number }): RoomMessage[] {
    this.#watching.set(target, (this.#watching.get(target) ?? 0) + 1);
    const known = after?.epoch === this.#epoch ? after.seq : 0;
    return [this.stateFor(target), ...(this.#tracks.get(target)?.since(known) ?? [])];
  }

  /** A viewer has gone. */
  unwatch(target: string): void {
    const count = (this.#watching.get(target) ?? 0) - 1;
    if (count > 0) this.#watching.set(target, count);
    else this.#watching.delete(target);
  }

  stateFor(target: string): RoomStateMessage {
    const seq = this.#tracks.get(target)?.seq ?? 0;
    return {
      type: "room",
      room: this.name,
      live: this.#live,
      ...(this.#source === undefined ? {} : { source: this.#source }),
      targets: [...this.#targets],
      ...(target === "" ? {} : { target }),
      epoch: this.#epoch,
      seq,
    };
  }

  get history(): RoomHistory {
    const tracks = [...this.#tracks.values()].map(({ history }) => history);
    return { epoch: this.#epoch, live: this.#live, source: this.#source, targets: [...this.#targets], tracks };
  }

  /** Becomes what another server has; viewers of this one are sent what they lack. */
  restore({ epoch, live, source, targets, tracks }: RoomHistory): void {
    if (epoch !== this.#epoch) this.#tracks.clear();
    this.#epoch = epoch;
    this.#setState({ live, source, targets });
    const missed = new Map(tracks.map((history) => [history.target, this.#track(history.target).restore(history)]));
    for (const target of this.#watching.keys()) this.#tellOf(target, missed.get(target) ?? []);
  }

  /** What is published from now on has numbers that the server which had the room has not used. */
  skip(count: number): void {
    for (const track of this.#tracks.values()) track.skip(count);
  }

  /** What another server says of the room, where it has no new line. */
  follow(state: { live: boolean; source?: string | undefined; targets: readonly string[] }): void {
    const same = state.live === this.#live && state.source === this.#source;
    if (same && state.targets.join() === this.#targets.join()) return;
    this.#setState(state);
    if (!state.live) this.leftAt = this.#options.clock();
    this.tell();
  }

  #setState({ live, source, targets }: { live: boolean; source?: string | undefined; targets: readonly string[] }) {
    this.#live = live;
    this.#source = source;
    this.#targets = targets;
  }

  #tellOf(target: string, lines: readonly RoomLineMessage[]): void {
    this.#options.publish(this.name, target, this.stateFor(target));
    for (const line of lines) this.#options.publish(this.name, target, line);
  }

  #track(target: string): RoomTrack {
    let track = this.#tracks.get(target);
    if (track === undefined) {
      track = new RoomTrack(target, this.#options.keptLines);
      if (this.#tracks.size >= TRACKS_MAX) {
        const old = [...this.#tracks.keys()].find((one) => !this.#targets.includes(one));
        if (old !== undefined) this.#tracks.delete(old);
      }
      this.#tracks.set(target, track);
    }
    return track;
  }
}
