// Rooms over NATS: for each room a subject that all servers which know it listen to, and one of the server that has it.
import { connect, type Msg, type NatsConnection, type Subscription } from "@nats-io/transport-node";
import {
  type RelayAnswer,
  type RelayNews,
  type RelayQuestion,
  relayAnswerSchema,
  relayNewsSchema,
  relayQuestionSchema,
} from "./relay-messages.ts";
import type { RelayFollower, RelayOwner, RoomRelay } from "./room-relay.ts";

/** A room's name is a token of a subject as it is. */
const SUBJECT = "souffleur.room.";
/** How long the server that has a room may take to answer. */
const ANSWER_MS = 1_000;
const RECONNECT_MS = 1_000;

export interface NatsRelayOptions {
  /** `nats://` or `tls://` addresses, separated by commas; a name and a password, or a token, may stand before the host. */
  servers: string;
  /** NATS is there, or is not. `reason` holds no address and no password. */
  onChange(up: boolean, reason: string): void;
  /** A fault of ours in what is done with a message. */
  onFault(error: unknown): void;
}

/** How to connect, from the setting's text. */
export function natsOptions(servers: string): {
  servers: string[];
  user?: string;
  pass?: string;
  token?: string;
  tls?: Record<string, never>;
} {
  const urls = servers.split(",").map((one) => new URL(one.trim()));
  const [{ protocol, username, password }] = urls;
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port || 4222}`),
    ...(user === "" ? {} : pass === "" ? { token: user } : { user, pass }),
    ...(protocol === "tls:" ? { tls: {} } : {}),
  };
}

export class NatsRelay implements RoomRelay {
  onUp: () => void = () => {};
  readonly #options: NatsRelayOptions;
  /** By subject: what takes a message there. */
  readonly #takers = new Map<string, (message: Msg) => void>();
  readonly #subscriptions = new Map<string, Subscription>();
  #connection: NatsConnection | undefined;
  #up = false;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  /** Connects by and by: the server serves its own rooms meanwhile. */
  constructor(options: NatsRelayOptions) {
    this.#options = options;
    void this.#connect();
  }

  get up(): boolean {
    return this.#up;
  }

  follow(room: string, follower: RelayFollower): () => void {
    return this.#listen(newsOf(room), (message) => {
      const news = relayNewsSchema.safeParse(message.json());
      // A server of another version may say what this one does not know.
      if (news.success) follower(news.data);
    });
  }

  own(room: string, owner: RelayOwner): () => void {
    return this.#listen(ownerOf(room), (message) => {
      const question = relayQuestionSchema.safeParse(message.json());
      if (question.success) message.respond(JSON.stringify(owner(question.data)));
    });
  }

  tell(room: string, news: RelayNews): void {
    // The client would keep what is said while NATS is away, and say it late.
    if (this.#up) this.#connection?.publish(newsOf(room), JSON.stringify(news));
  }

  async ask(room: string, question: RelayQuestion): Promise<RelayAnswer | undefined> {
    if (!this.#up || this.#connection === undefined) return undefined;
    try {
      // Where no server has the room NATS says so at once.
      const answer = await this.#connection.request(ownerOf(room), JSON.stringify(question), { timeout: ANSWER_MS });
      return relayAnswerSchema.safeParse(answer.json()).data;
    } catch {
      return undefined;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#up = false;
    await this.#connection?.close();
  }

  async #connect(): Promise<void> {
    try {
      const connection = await connect({
        ...natsOptions(this.#options.servers),
        name: "souffleur",
        noEcho: true,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT_MS,
      });
      if (this.#closed) {
        await connection.close();
        return;
      }
      this.#connection = connection;
      for (const subject of this.#takers.keys()) this.#subscribe(subject);
      this.#change(true, "connected");
      for await (const { type } of connection.status()) {
        if (type === "disconnect") this.#change(false, "the connection was lost");
        if (type === "reconnect") this.#change(true, "connected again");
      }
      this.#change(false, "the connection was closed");
    } catch (error) {
      this.#change(false, error instanceof Error ? error.name : "unknown");
    }
    this.#connection = undefined;
    this.#subscriptions.clear();
    if (!this.#closed) this.#retry = setTimeout(() => void this.#connect(), RECONNECT_MS);
  }

  #change(up: boolean, reason: string): void {
    if (this.#closed) return;
    this.#up = up;
    this.#options.onChange(up, reason);
    if (up) this.onUp();
  }

  #listen(subject: string, take: (message: Msg) => void): () => void {
    this.#takers.set(subject, take);
    this.#subscribe(subject);
    return () => {
      this.#takers.delete(subject);
      this.#subscriptions.get(subject)?.unsubscribe();
      this.#subscriptions.delete(subject);
    };
  }

  #subscribe(subject: string): void {
    if (this.#connection === undefined || this.#subscriptions.has(subject)) return;
    const callback = (error: Error | null, message: Msg): void => {
      if (error !== null) return;
      try {
        this.#takers.get(subject)?.(message);
      } catch (fault) {
        // What is not JSON too: nothing that one server sends may end another.
        this.#options.onFault(fault);
      }
    };
    this.#subscriptions.set(subject, this.#connection.subscribe(subject, { callback }));
  }
}

function newsOf(room: string): string {
  return `${SUBJECT}${room}.news`;
}

function ownerOf(room: string): string {
  return `${SUBJECT}${room}.owner`;
}
