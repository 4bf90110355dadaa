// One room's share in an exchange between servers: one of them has the speaker, the others follow it.
import type { Caller } from "../admission/caller.ts";
import type { RoomLineMessage } from "../protocol/room-messages.ts";
import type { RelayAnswer, RelayNews, RelayQuestion } from "./relay-messages.ts";
import type { Room } from "./room.ts";
import type { RoomRelay } from "./room-relay.ts";

/** A server that was silent for so long is gone, as far as its rooms and viewers are concerned. */
const SILENT_MS = 15_000;
/** Viewers are told of again after so long, changed or not. */
const VIEWERS_AGAIN_MS = 5_000;
/** More numbers than a server that is gone can have used without this one's knowing. */
const SKIPPED_NUMBERS = 10_000;

/** What comes from the server of the speaker. */
type Told = Exclude<RelayNews, { kind: "viewers" }>;

export interface SharedRoomOptions {
  room: Room;
  relay: RoomRelay;
  /** This server, as the others know it. */
  server: string;
  /** Milliseconds of Unix time. */
  clock(): number;
  /**
   * A speaker of another server wants the room that this one has.
   * @returns why not; undefined where it was given up
   */
  giveUp(claimant: Pick<Caller, "address"> & { key?: string | undefined }): string | undefined;
}

export class SharedRoom {
  readonly #options: SharedRoomOptions;
  readonly #unfollow: () => void;
  readonly #others = new Map<string, { viewers: number; at: number }>();
  /** Ends this server's having the room: its speaker is here, or was here last. */
  #disown: (() => void) | undefined;
  /** Lines that come while the history is asked for; undefined while it is not. */
  #waiting: Told[] | undefined;
  #heardAt: number;
  #told = { viewers: 0, at: Number.NEGATIVE_INFINITY };

  constructor(options: SharedRoomOptions) {
    this.#options = options;
    this.#heardAt = options.clock();
    this.#unfollow = options.relay.follow(options.room.name, (news) => this.#hear(news));
    void this.#catchUp();
  }

  /** Whether the room's lines come from this server. */
  get owns(): boolean {
    return this.#disown !== undefined;
  }

  /** Viewers of the other servers. */
  get viewersElsewhere(): number {
    const now = this.#options.clock();
    let viewers = 0;
    for (const other of this.#others.values()) if (now - other.at < SILENT_MS) viewers += other.viewers;
    return viewers;
  }

  /**
   * A speaker of this server is to have the room.
   * @returns why it may not; undefined where it has it
   */
  async claim({ address, holder }: Caller): Promise<string | undefined> {
    const { room, relay } = this.#options;
    if (this.owns) return undefined;
    const followed = room.targets.length > 0;
    const answer = await relay.ask(room.name, { kind: "claim", address, key: holder?.key });
    if (answer?.kind === "refused") return answer.reason;
    if (answer !== undefined) room.restore(answer.history);
    // Its server is gone, and may have said more than came here.
    else if (followed) room.skip(SKIPPED_NUMBERS);
    this.#disown = relay.own(room.name, (question) => this.#answer(question));
    return undefined;
  }

  /** Tells the others what was said here. */
  line(message: RoomLineMessage): void {
    const { room, relay } = this.#options;
    if (this.owns) relay.tell(room.name, { kind: "line", epoch: room.epoch, message });
  }

  /** Tells the others what the room is, where its speaker is here. */
  state(): void {
    const { room, relay } = this.#options;
    if (!this.owns) return;
    const { epoch, live, source, targets, seqs } = room;
    relay.tell(room.name, { kind: "state", epoch, live, source, targets: [...targets], seqs });
  }

  /** From time to time: says that this server is there, and notices that another is not. */
  beat(): void {
    const { room, relay, server, clock } = this.#options;
    const now = clock();
    if (room.live) this.state();
    if (!this.owns && room.live && now - this.#heardAt >= SILENT_MS) {
      room.follow({ live: false, source: room.source, targets: room.targets });
    }
    const { viewers } = room;
    const silent = viewers === 0 && this.#told.viewers === 0;
    if (silent || (viewers === this.#told.viewers && now - this.#told.at < VIEWERS_AGAIN_MS)) return;
    this.#told = { viewers, at: now };
    relay.tell(room.name, { kind: "viewers", server, viewers });
  }

  /** The others can be reached again. */
  reachable(): void {
    if (this.owns) this.state();
    else void this.#catchUp();
  }

  close(): void {
    this.#unfollow();
    this.#disown?.();
  }

  #answer(question: RelayQuestion): RelayAnswer {
    if (question.kind === "claim") {
      const reason = this.#options.giveUp(question);
      if (reason !== undefined) return { kind: "refused", reason };
      this.#yield();
    }
    return { kind: "history", history: this.#options.room.history };
  }

  #yield(): void {
    this.#disown?.();
    this.#disown = undefined;
  }

  #hear(news: RelayNews): void {
    const { room, clock } = this.#options;
    if (news.kind === "viewers") {
      this.#others.set(news.server, { viewers: news.viewers, at: clock() });
      return;
    }
    this.#heardAt = clock();
    // Each of two servers that did not reach each other may have a speaker: it keeps its own. Who has none follows.
    if (this.owns && (room.live || (news.kind === "state" && !news.live))) return;
    this.#yield();
    if (this.#waiting !== undefined) this.#waiting.push(news);
    else if (!this.#follow(news)) void this.#catchUp();
  }

  /** @returns whether nothing is missing */
  #follow(news: Told): boolean {
    const { room } = this.#options;
    if (news.epoch !== room.epoch) return false;
    if (news.kind === "line") return room.apply(news.message);
    if (Object.entries(news.seqs).some(([target, seq]) => (room.seqs[target] ?? 0) < seq)) return false;
    room.follow(news);
    return true;
  }

  /** Asks the server that has the room for its history; what comes meanwhile follows it. */
  async #catchUp(): Promise<void> {
    const { room, relay } = this.#options;
    if (this.#waiting !== undefined || !relay.up) return;
    const waiting: Told[] = [];
    this.#waiting = waiting;
    const answer = await relay.ask(room.name, { kind: "ask" });
    this.#waiting = undefined;
    if (answer?.kind !== "history" || this.owns) return;
    this.#heardAt = this.#options.clock();
    room.restore(answer.history);
    // What is older than the history is passed over; where something is missing all the same, the next beat tells.
    for (const news of waiting) this.#follow(news);
  }
}
