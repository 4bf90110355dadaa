// Test support: a server with sessions that outlive connections, behind a network with delays that can be cut. No socket is opened.
import type { ServerMessage } from "./messages.ts";
import type { Socket, SocketConstructor } from "./socket.ts";

type Heard = Record<string, unknown> & { type: string };

/** Translates by shouting, one word behind; a segment ends at a full stop with a space, at `commit` and at `end`. */
class Session {
  readonly id: string;
  readonly targets: readonly string[];
  readonly sent: (Record<string, unknown> & { seq: number })[] = [];
  received = 0;
  over = false;
  line: Line | undefined;
  heard = "";
  #open = "";
  #hypothesis = "";
  #written = 0;
  #segment = 0;

  constructor(id: string, targets: readonly string[]) {
    this.id = id;
    this.targets = targets;
  }

  take(message: Heard): void {
    switch (message.type) {
      case "text":
        this.#read(String(message.text));
        break;
      case "revise":
        this.#hypothesis = String(message.text);
        break;
      case "commit":
        this.commit();
        break;
      case "end":
        this.commit();
        this.say({ type: "done", segments: this.#segment, words: 0, duration: 0 });
        this.over = true;
        break;
      case "ping":
        this.say({ type: "pong" });
        break;
    }
  }

  /** Without a number: it promises nothing. */
  guess(text: string): void {
    this.line?.toClient({ type: "tentative", segment: this.#segment, target: this.targets[0], text });
  }

  say(message: Partial<ServerMessage> & { type: string }): void {
    const numbered = { ...message, seq: this.sent.length + 1, received: this.received };
    this.sent.push(numbered);
    this.line?.toClient(numbered);
  }

  commit(): void {
    this.#read(this.#hypothesis);
    this.#hypothesis = "";
    this.#finish(this.#open.length);
  }

  #read(text: string): void {
    this.heard += text;
    this.#open += text;
    for (let end = /[.!?]\s/.exec(this.#open); end !== null; end = /[.!?]\s/.exec(this.#open))
      this.#finish(end.index + 2);
    this.#write(this.#open.match(/\S+(?=\s)/g) ?? [], -1);
  }

  #write(words: readonly string[], behind: number): void {
    for (; this.#written < words.length + behind; this.#written += 1) {
      for (const target of this.targets) {
        const text = (this.#written === 0 ? "" : " ") + shout(words[this.#written], target);
        this.say({ type: "delta", segment: this.#segment, target, text, read: words.length });
      }
    }
  }

  #finish(end: number): void {
    const words = this.#open.slice(0, end).match(/\S+/g) ?? [];
    this.#open = this.#open.slice(end).trimStart();
    if (words.length === 0) return;
    this.#write(words, 0);
    const source = words.join(" ");
    for (const target of this.targets) {
      const text = words.map((word) => shout(word, target)).join(" ");
      this.say({ type: "final", segment: this.#segment, target, source, text, start: 0, end: 1 });
    }
    this.#segment += 1;
    this.#written = 0;
  }
}

function shout(word: string, target: string): string {
  return `${word.toUpperCase()}${target === "de" ? "" : `-${target}`}`;
}

export function translationOf(text: string, target = "de"): string {
  return (text.match(/\S+/g) ?? []).map((word) => shout(word, target)).join(" ");
}

/** One connection, with what is on its way in both directions. */
class Line implements Socket {
  readyState = 0;
  bufferedAmount = 0;
  readonly messages: Heard[] = [];
  readonly url: string;
  readonly #server: ServerDouble;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();
  session: Session | undefined;

  constructor(server: ServerDouble, url: string) {
    this.#server = server;
    this.url = url;
    this.#later(() => {
      if (this.readyState !== 0) return;
      if (server.isAway) {
        this.lose();
        return;
      }
      this.readyState = 1;
      this.#fire("open", {});
    });
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  send(data: string): void {
    this.#later(() => {
      if (this.readyState === 1) this.#server.hear(this, JSON.parse(data));
    });
  }

  close(code = 1005): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#server.left(this, code);
  }

  toClient(message: object): void {
    this.#later(() => {
      if (this.readyState === 1) this.#fire("message", { data: JSON.stringify(message) });
    });
  }

  end(code: number): void {
    this.#later(() => this.lose(code));
  }

  /** The connection is gone, with all that was on its way. */
  lose(code = 1006): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    if (this.session?.line === this) this.session.line = undefined;
    this.#fire("close", { code });
  }

  #fire(type: string, event: unknown): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }

  #later(action: () => void): void {
    setTimeout(action, this.#server.delayMs);
  }
}

export class ServerDouble {
  delayMs = 5;
  isAway = false;
  resumes = true;
  /** What answers a message in the place of the session. True: it was dealt with. */
  onMessage: ((message: Heard, line: Line) => boolean) | undefined;
  readonly lines: Line[] = [];
  readonly sessions: Session[] = [];
  readonly #known = new Map<string, Session>();

  get Socket(): SocketConstructor {
    const connect = (url: string) => {
      const line = new Line(this, url);
      this.lines.push(line);
      return line;
    };
    return function Double(url: string) {
      return connect(url);
    } as unknown as SocketConstructor;
  }

  get line(): Line | undefined {
    return this.lines.findLast(({ readyState }) => readyState === 1);
  }

  get session(): Session {
    return this.sessions[this.sessions.length - 1];
  }

  cut(): void {
    for (const line of this.lines) line.lose();
  }

  /** Another process in its place: it knows none of the sessions. */
  restart(): void {
    this.#known.clear();
    this.cut();
  }

  hear(line: Line, message: Heard): void {
    line.messages.push(message);
    if (this.onMessage?.(message, line)) return;
    if (message.type === "start") this.#start(line, message);
    else if (message.type === "resume") this.#resume(line, message);
    else this.#take(line, message);
  }

  left(line: Line, code: number): void {
    if (line.session?.line === line) line.session.line = undefined;
    if (code === 1000 && line.session !== undefined) this.#known.delete(line.session.id);
  }

  #start(line: Line, { target }: Heard): void {
    const session = new Session(`session-${this.sessions.length}`, [target].flat().map(String));
    this.sessions.push(session);
    if (this.resumes) this.#known.set(session.id, session);
    this.#attach(line, session, target);
  }

  #resume(line: Line, { session: id, seq }: Heard): void {
    const session = this.#known.get(String(id));
    if (session === undefined) {
      line.toClient({ type: "error", code: "resume_failed", message: "too late", fatal: false });
      return;
    }
    this.#attach(line, session, session.targets.length === 1 ? session.targets[0] : session.targets);
    for (const message of session.sent.slice(Number(seq))) line.toClient(message);
    if (session.over) line.end(1000);
  }

  #attach(line: Line, session: Session, target: unknown): void {
    session.line = line;
    line.session = session;
    const limits = {
      payloadBytes: 65_536,
      textCharacters: 10_000,
      segmentTokens: 90,
      outboxBytes: 1e6,
      idleTimeoutMs: 0,
    };
    const ready = { type: "ready", session: session.id, protocol: "souffleur.v1", model: "m", source: "en", target };
    const resume = this.resumes ? { resumeGraceMs: 30_000, received: session.received } : {};
    line.toClient({ ...ready, wait: 3, limits, ...resume });
  }

  #take(line: Line, message: Heard): void {
    const { session } = line;
    if (session === undefined) throw new Error("a message before start");
    if (this.resumes) {
      const seq = Number(message.seq);
      if (seq <= session.received) return;
      if (seq > session.received + 1) {
        session.say({ type: "error", code: "bad_request", message: "a gap", field: "seq", fatal: false });
        return;
      }
      session.received = seq;
    }
    session.take(message);
    if (session.over) line.end(1000);
  }
}
