// Rooms of a running server over real sockets: one speaks, many watch, and who does not read is left behind.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import { StandInModel } from "../../models/stand-in-model.ts";
import { makeKey, writeKeyFile } from "../admission/api-keys.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import { type RunningServer, startServer } from "../main.ts";
import { roomResponseSchema } from "../protocol/room-messages.ts";
import type { ServerSettings } from "../settings.ts";
import { chooseTransport } from "../transport/choose-transport.ts";
import { DEFAULT_TRANSPORT_SETTINGS } from "../transport/transport.ts";
import { RoomView } from "./room-view.testing.ts";

const POLL = { timeout: 10_000, interval: 20 };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function serve(settings: ServerSettings = {}): Promise<RunningServer> {
  const bundle = standInBundle();
  const runner = new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize });
  const server = await startServer(
    { port: 0, logLevel: "silent", ...settings },
    {
      bundles: [bundle],
      startEngine: async () => new InProcessEngine({ models: [{ name: bundle.manifest.name, runner }] }),
    },
  );
  closers.push(() => server.close());
  return server;
}

/** @param resume what is sent first, in the place of settings */
async function speak(server: RunningServer, query: string, resume?: object) {
  const settings = resume === undefined ? `?source=en&target=de&wait=1&${query}` : "";
  const socket = new WebSocket(`${server.streamUrl}${settings}`);
  const messages: { type: string; text: string; code?: string; field?: string }[] = [];
  socket.on("message", (data) => messages.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  closers.push(() => socket.terminate());
  const send = (message: object) => socket.send(JSON.stringify(message));
  if (resume !== undefined) send(resume);
  const finals = () => messages.filter(({ type }) => type === "final").map(({ text }) => text);
  return { socket, messages, closed, send, finals };
}

function watch(server: RunningServer, room: string, query = "target=de", view = new RoomView()) {
  const socket = new WebSocket(`${server.streamUrl.replace("/v1/stream", "/v1/rooms/")}${room}?${query}`);
  const errors: { code: string }[] = [];
  socket.on("message", (data) => {
    const message = JSON.parse(String(data));
    if (message.type === "error") errors.push(message);
    else view.take(message);
  });
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  closers.push(() => socket.terminate());
  return { socket, view, errors, closed };
}

describe.each(["uws", "ws"] as const)("rooms over %s", (transport) => {
  it("show many viewers what one says, who comes late and who comes again too", async () => {
    const server = await serve({ transport });
    const crowd = Array.from({ length: 40 }, () => watch(server, "hall"));
    await expect.poll(() => crowd.every(({ view }) => view.epoch !== ""), POLL).toBe(true);
    const speaker = await speak(server, "room=hall");
    speaker.send({ type: "text", text: "The words in order. The chest and the words. " });
    await expect.poll(() => speaker.finals().length, POLL).toBe(2);
    const [gone] = crowd;
    await expect.poll(() => gone.view.lines.length, POLL).toBe(2);
    gone.socket.terminate();
    const late = watch(server, "hall");
    speaker.send({ type: "text", text: "The end of the words" });
    await expect.poll(() => late.view.open.size, POLL).toBe(1);
    const again = watch(server, "hall", `target=de&after=${gone.view.place}`, gone.view);
    speaker.send({ type: "end" });
    expect(await speaker.closed).toBe(1000);
    const said = speaker.finals();
    expect(said).toHaveLength(3);
    for (const { view } of [...crowd, late, again]) {
      await expect.poll(() => view.lines, POLL).toEqual(said);
      await expect.poll(() => view.live, POLL).toBe(false);
      expect(view.troubles).toEqual([]);
    }
    const response = await fetch(`${server.url}v1/rooms/hall`);
    expect(roomResponseSchema.parse(await response.json())).toEqual({
      ...{ room: "hall", live: false, source: "en", targets: ["de"], viewers: 41 },
    });
    const metrics = await (await fetch(server.metricsUrl)).text();
    expect(metrics).toMatch(/^souffleur_room_viewers 41$/m);
    expect(Number(/^souffleur_room_frames_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(41 * 3);
    const ends = [late, again].map(({ closed }) => closed);
    await server.close();
    expect(await Promise.all(ends)).toEqual([1001, 1001]);
    expect(late.errors).toMatchObject([{ code: "shutting_down" }]);
  });

  it("are spoken in by who has the key or the room's token, and read by anybody unless they are not public", async () => {
    const directory = mkdtempSync(join(tmpdir(), "souffleur-rooms-"));
    closers.push(() => rmSync(directory, { recursive: true }));
    const keyFile = join(directory, "keys.json");
    const { key, record } = makeKey("theatre");
    writeFileSync(keyFile, writeKeyFile([record]));
    const server = await serve({ transport, keyFile });
    expect(await (await speak(server, "room=hall")).closed).toBe(1008);
    const response = await fetch(`${server.url}v1/token`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ room: "hall", seconds: 20_000 }),
    });
    const { token } = (await response.json()) as { token: string };
    const elsewhere = await speak(server, `room=cellar&token=${token}`);
    expect(await elsewhere.closed).toBe(1008);
    expect(elsewhere.messages[0]).toMatchObject({ code: "unauthorized", field: "room" });
    const nowhere = await speak(server, `token=${token}`);
    expect(await nowhere.closed).toBe(1008);
    const speaker = await speak(server, `room=hall&token=${token}`);
    const viewer = watch(server, "hall");
    speaker.send({ type: "text", text: "The words in order. " });
    await expect.poll(() => viewer.view.lines, POLL).toEqual(speaker.finals());
    const closed = await serve({ transport, keyFile, roomsPublic: false });
    expect(await watch(closed, "hall").closed).toBe(1008);
    expect((await fetch(`${closed.url}v1/rooms/hall`)).status).toBe(401);
    const allowed = await fetch(`${closed.url}v1/rooms/hall`, { headers: { authorization: `Bearer ${key}` } });
    expect(allowed.status).toBe(200);
  });

  it("go on through a lost connection of the speaker that is resumed, and through one that is not", async () => {
    const server = await serve({ transport });
    const viewer = watch(server, "hall");
    const first = await speak(server, "room=hall&resume=true");
    first.send({ type: "text", text: "The words in order. The chest" });
    await expect.poll(() => viewer.view.open.size, POLL).toBe(1);
    const { session } = first.messages[0] as unknown as { session: string };
    const seq = first.messages.length - 1;
    first.socket.terminate();
    const resumed = await speak(server, "", { type: "resume", session, seq });
    await expect.poll(() => resumed.messages[0]?.type, POLL).toBe("ready");
    expect(viewer.view.live).toBe(true);
    resumed.send({ type: "text", text: " and the words. The end" });
    await expect.poll(() => viewer.view.lines.length, POLL).toBe(2);
    // A speaker that begins anew takes its room from the stream that waits for it, and says the open sentence again.
    resumed.socket.terminate();
    const anew = await speak(server, "room=hall");
    anew.send({ type: "text", text: "The end of the words. " });
    anew.send({ type: "end" });
    expect(await anew.closed).toBe(1000);
    await expect
      .poll(() => viewer.view.lines, POLL)
      .toEqual([...first.finals(), ...resumed.finals(), ...anew.finals()]);
    expect([viewer.view.lines.length, viewer.view.open.size, viewer.view.troubles]).toEqual([3, 0, []]);
  });

  it("leave a viewer that does not read behind, at a bound, and nobody else", async () => {
    const slow = { told: 0, most: 0, closes: [] as number[] };
    const connections: { bufferedBytes: number }[] = [];
    const application = {
      connect: () => ({ message: () => {}, closed: () => {} }),
      watch: (connection: Parameters<NonNullable<Parameters<typeof chooseTransport>[1]["watch"]>>[0]) => {
        connections.push(connection);
        connection.subscribe("a", () => {
          slow.told += 1;
          connection.close(1013, "slow_consumer", 50);
        });
        return { message: () => {}, closed: (code: number) => void slow.closes.push(code) };
      },
      respond: () => Promise.reject(new Error("not part of this test")),
    };
    const running = await chooseTransport(transport, application, DEFAULT_TRANSPORT_SETTINGS, { warn: () => {} });
    closers.push(() => running.close());
    const url = `ws://127.0.0.1:${await running.listen(0, "127.0.0.1")}/v1/rooms/hall`;
    const open = async () => {
      const socket = new WebSocket(url);
      const frames: string[] = [];
      socket.on("message", (data) => frames.push(String(data).slice(0, 8)));
      await new Promise((resolve) => socket.once("open", resolve));
      closers.push(() => socket.terminate());
      return { socket, frames };
    };
    const [lazy, quick] = [await open(), await open()];
    lazy.socket.pause();
    let sent = 0;
    for (; slow.told === 0 && sent < 20_000; sent++) {
      running.publish("a", `${sent}`.padEnd(8) + "x".repeat(4_000));
      await new Promise((resolve) => setImmediate(resolve));
      slow.most = Math.max(slow.most, connections[0].bufferedBytes);
    }
    expect(slow.told).toBe(1);
    expect(slow.most).toBeLessThan(DEFAULT_TRANSPORT_SETTINGS.topicBacklogMaxBytes + 3 * 5_000);
    for (let more = 0; more < 10; more++) expect(running.publish("a", `${sent++}`.padEnd(8))).toBe(1);
    await expect.poll(() => quick.frames.map(Number), POLL).toEqual(Array.from({ length: sent }, (_, index) => index));
    await expect.poll(() => slow.closes, POLL).toEqual([1006]);
  });
});
