// Two servers with NATS between them: one has the speaker, both have viewers; NATS goes and comes back.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { connect } from "@nats-io/transport-node";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import { StandInModel } from "../../models/stand-in-model.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import { type RunningServer, startServer } from "../main.ts";
import { RoomView } from "./room-view.testing.ts";

const POLL = { timeout: 15_000, interval: 20 };
/** Debian's, from the package of the same name. */
const NATS = ["nats-server", "/usr/sbin/nats-server"].find((name) => spawnSync(name, ["--version"]).status === 0);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startNats(port: number): Promise<() => Promise<void>> {
  const child: ChildProcess = spawn(NATS ?? "", [
    "-a",
    "127.0.0.1",
    "-p",
    `${port}`,
    "--user",
    "s",
    "--pass",
    "secret",
  ]);
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on("data", (data) => String(data).includes("Server is ready") && resolve());
    child.once("error", reject);
  });
  const stop = async () => {
    child.kill();
    await exited;
  };
  closers.push(stop);
  return stop;
}

async function serve(nats: string): Promise<RunningServer> {
  const bundle = standInBundle();
  const runner = new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize });
  const server = await startServer(
    { port: 0, logLevel: "silent", nats },
    {
      bundles: [bundle],
      startEngine: async () => new InProcessEngine({ models: [{ name: bundle.manifest.name, runner }] }),
    },
  );
  closers.push(() => server.close());
  return server;
}

async function speak(server: RunningServer) {
  const socket = new WebSocket(`${server.streamUrl}?source=en&target=de&wait=1&room=hall`);
  const finals: string[] = [];
  const errors: string[] = [];
  socket.on("message", (data) => {
    const message = JSON.parse(String(data));
    if (message.type === "final") finals.push(message.text);
    if (message.type === "error") errors.push(message.message);
  });
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  closers.push(() => socket.terminate());
  const say = (text: string) => socket.send(JSON.stringify({ type: "text", text }));
  return { finals, errors, closed, say };
}

function watch(server: RunningServer) {
  const view = new RoomView();
  const socket = new WebSocket(`${server.streamUrl.replace("/v1/stream", "/v1/rooms/hall")}?target=de`);
  socket.on("message", (data) => view.receive(String(data)));
  closers.push(() => socket.terminate());
  return view;
}

const up = async (server: RunningServer) =>
  /^souffleur_nats_up 1$/m.test(await (await fetch(server.metricsUrl)).text());

describe.skipIf(NATS === undefined)("rooms over NATS", () => {
  it("are one room on all servers, go on while NATS is away, and are one again when it is back", async () => {
    const port = await freePort();
    const address = `nats://s:secret@127.0.0.1:${port}`;
    // The servers are there before NATS.
    const [one, other] = [await serve(address), await serve(address)];
    expect(await up(one)).toBe(false);
    let stop = await startNats(port);
    await expect.poll(() => up(one), POLL).toBe(true);
    await expect.poll(() => up(other), POLL).toBe(true);

    const [here, there] = [watch(one), watch(other)];
    await expect.poll(() => [here.epoch, there.epoch].every((epoch) => epoch !== ""), POLL).toBe(true);
    const speaker = await speak(one);
    speaker.say("The words in order. The chest and the words. ");
    await expect.poll(() => speaker.finals.length, POLL).toBe(2);
    await expect.poll(() => there.lines, POLL).toEqual(speaker.finals);
    const late = watch(other);
    await expect.poll(() => late.lines, POLL).toEqual(speaker.finals);
    const viewers = async () => (await (await fetch(`${one.url}v1/rooms/hall`)).json()) as { viewers: number };
    await expect.poll(viewers, POLL).toMatchObject({ live: true, viewers: 3 });

    await stop();
    await expect.poll(() => up(one), POLL).toBe(false);
    speaker.say("The end of the words. ");
    await expect.poll(() => here.lines.length, POLL).toBe(3);
    expect(there.lines).toHaveLength(2);
    stop = await startNats(port);
    await expect.poll(() => there.lines, POLL).toEqual(speaker.finals);
    speaker.say("In order. ");
    await expect.poll(() => there.lines.length, POLL).toBe(4);

    // What is no message of a server is passed over.
    const stranger = await connect({ servers: `127.0.0.1:${port}`, user: "s", pass: "secret" });
    for (const junk of ["{", "[]", '{"kind":"line"}']) stranger.publish("souffleur.room.hall.news", junk);
    await stranger.close();

    // The speaker comes to the other server: the room goes with it.
    const again = await speak(other);
    again.say("The chest. ");
    expect(await speaker.closed).toBe(1008);
    await expect.poll(() => here.lines, POLL).toEqual([...speaker.finals, ...again.finals]);
    await expect.poll(() => here.lines.length, POLL).toBe(5);
    for (const view of [here, there, late]) expect([view.lines, view.troubles]).toEqual([here.lines, []]);
  });
});
