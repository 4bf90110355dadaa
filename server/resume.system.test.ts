// Streams whose connections are lost over real sockets, with both transports: nothing is lost, nothing comes twice.
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { pino } from "pino";
import { afterEach, describe, expect, it } from "vitest";
import { standInBundle } from "../models/stand-in-bundle.ts";
import { StandInModel } from "../models/stand-in-model.ts";
import { InProcessEngine } from "./engine/in-process-engine.ts";
import { type RunningServer, startServer } from "./main.ts";
import { ResumingClient } from "./resuming-client.testing.ts";
import type { ServerSettings } from "./settings.ts";
import { loadUws } from "./transport/choose-transport.ts";

const uwsLoads = await loadUws().then(
  () => true,
  () => false,
);
const bundle = standInBundle();

/** A wire that can be cut at both ends, or go dead without either end being told. */
class Wire {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #port = 0;

  constructor(to: number) {
    this.#server = createServer((near) => {
      const far = connect(to, "127.0.0.1");
      const pair = [near, far] as const;
      this.#pairs.add(pair);
      for (const [one, other] of [pair, [far, near]]) {
        one.on("error", () => undefined);
        one.on("close", () => other.destroy());
        one.pipe(other);
      }
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
    return `ws://127.0.0.1:${this.#port}/v1/stream`;
  }

  /** Neither end hears any more of the other, and what is under way is lost. */
  deaden(): void {
    for (const [near, far] of this.#pairs) {
      near.unpipe(far).resume();
      far.unpipe(near).resume();
    }
    this.#pairs.clear();
  }

  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#pairs.clear();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}

/** What one of several says: no two say the same. */
const wordsOf = (speaker: number): string[] =>
  Array.from({ length: 60 }, (_, index) => (index % 7 === 6 ? "the end. " : `${index} word${"s".repeat(speaker)} `));

describe.each(["ws", "uws"] as const)("streams that are resumed, over %s", (transport) => {
  const test = it.skipIf(transport === "uws" && !uwsLoads);
  let server: RunningServer | undefined;
  let wire: Wire | undefined;
  const lines: string[] = [];
  afterEach(async () => {
    await server?.close();
    wire?.close();
    lines.length = 0;
  });

  async function start(settings: ServerSettings = {}): Promise<string> {
    const runner = new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize });
    server = await startServer(
      { port: 0, transport, ...settings },
      {
        log: pino({ level: "debug" }, { write: (line) => lines.push(line) }),
        bundles: [bundle],
        startEngine: async () => new InProcessEngine({ models: [{ name: "stand-in", runner }] }),
      },
    );
    wire = new Wire(server.port);
    return await wire.listen();
  }

  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${server?.port}/metrics`)).text();
    return Number(
      text
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.split(" ")[1],
    );
  }

  async function until(what: () => Promise<boolean>): Promise<void> {
    for (let times = 0; !(await what()); times++) {
      if (times > 500) throw new Error("this did not come to be");
      await setTimeout(10);
    }
  }

  test("say what an uncut one says, whichever way the wire goes", async () => {
    const url = await start();
    const clients = Array.from({ length: 8 }, () => new ResumingClient(url));
    const whole = clients.map(() => new ResumingClient(url));
    for (const [index, client] of whole.entries()) for (const word of wordsOf(index)) client.say(word);
    await Promise.all([...whole.map((client) => client.end()), ...clients.map((client) => client.ready())]);
    expect(new Set(whole.map(({ translation }) => translation)).size).toBe(whole.length);
    const changes: Partial<Record<number, "cut" | "deaden">> = { 14: "cut", 30: "deaden", 45: "cut" };
    for (let at = 0; at < wordsOf(0).length; at++) {
      for (const [index, client] of clients.entries()) {
        client.say(wordsOf(index)[at]);
        if (at % (9 + index) !== 8) continue;
        await client.ready();
        client.cut();
      }
      const change = changes[at];
      if (change === undefined) continue;
      for (const client of clients) await client.ready();
      wire?.[change]();
      // Nobody told the clients.
      if (change === "deaden") for (const client of clients) client.comeBack();
    }
    await Promise.all(clients.map((client) => client.end()));
    for (const [index, client] of clients.entries()) {
      expect(client.translation).toBe(whole[index].translation);
      expect(client.source).toBe(wordsOf(index).join("").trim());
      expect(whole[index].connections).toBe(1);
      expect(client.sessions).toBe(1);
      expect(client.connections).toBeGreaterThan(5);
    }
    const resumed = await metric('souffleur_resumes_total{result="resumed"}');
    expect(resumed).toBeGreaterThan(5 * clients.length);
    expect(await metric("souffleur_sessions")).toBe(0);
    expect(await metric('souffleur_sessions_total{outcome="done"}')).toBe(16);
    // A log is no way in: it has the session, and not what it takes to resume it.
    const [id, secret] = clients[0].session?.split(".") ?? [];
    expect(lines.join("")).toContain(id);
    expect(lines.join("")).not.toContain(secret);
  });

  test("end when nobody comes back in time", async () => {
    const url = await start({ resumeGraceMs: 100 });
    const client = new ResumingClient(url);
    client.say("the word ");
    await until(async () => (await metric("souffleur_sessions")) === 1);
    client.leave();
    await until(async () => (await metric("souffleur_sessions")) === 0);
    expect(await metric("souffleur_detached_sessions")).toBe(0);
    expect(await metric('souffleur_sessions_total{outcome="left"}')).toBe(1);
    const late = new ResumingClient(url);
    await late.end();
    expect(await metric("souffleur_open_segments")).toBe(0);
  });

  test("do not hold a server up that stops", async () => {
    const url = await start({ drainTimeoutMs: 20_000 });
    const client = new ResumingClient(url);
    client.say("the word ");
    await until(async () => (await metric("souffleur_sessions")) === 1);
    client.leave();
    await until(async () => (await metric("souffleur_detached_sessions")) === 1);
    await server?.close();
    const closed = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "session closed");
    expect(closed).toMatchObject([{ outcome: "drained", code: 1006 }]);
    expect(lines.join("")).not.toContain("before their segments were finished");
  });
});
