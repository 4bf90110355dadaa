// The log of a whole server at its most talkative: every session is in it, and nothing that a user said or showed.
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import WebSocket from "ws";
import { z } from "zod";
import { standInBundle } from "../models/stand-in-bundle.ts";
import { StandInModel } from "../models/stand-in-model.ts";
import { InProcessEngine } from "./engine/in-process-engine.ts";
import { makeLog } from "./log.ts";
import { type RunningServer, startServer } from "./main.ts";

const SAID = "zyzzyva";
const KEY = "k3y-of-somebody";
const lineSchema = z.looseObject({ level: z.string(), time: z.iso.datetime(), msg: z.string() });

class FailingModel extends StandInModel {
  failing = false;

  override run(...given: Parameters<StandInModel["run"]>) {
    if (this.failing) throw new Error(`cannot run "${SAID}"`);
    return super.run(...given);
  }
}

let server: RunningServer | undefined;
afterEach(() => server?.close());

it("names sessions, and holds no text, query, key or address", async () => {
  const lines: string[] = [];
  const bundle = standInBundle();
  const runner = new FailingModel({ vocabularySize: bundle.tokenizer.vocabularySize });
  const startEngine = async () => new InProcessEngine({ models: [{ name: "stand-in", runner }] });
  const log = makeLog("trace", { write: (line) => void lines.push(line) });
  server = await startServer({ port: 0, transport: "ws" }, { bundles: [bundle], startEngine, log });
  const origin = `127.0.0.1:${server.port}`;
  const headers = { authorization: `Bearer ${KEY}`, cookie: `key=${KEY}` };

  /** Sends frames, and gives the ids of sessions that were opened. */
  const speak = async (frames: readonly unknown[], query = ""): Promise<string[]> => {
    const socket = new WebSocket(`ws://${origin}/v1/stream${query}`, "souffleur.v1", { headers });
    const heard: string[] = [];
    socket.on("message", (data) => heard.push(String(data)));
    await once(socket, "open");
    for (const frame of frames) socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
    await once(socket, "close");
    return heard.flatMap((frame) => /"session":"([^"]+)"/.exec(frame)?.[1] ?? []);
  };
  const start = { type: "start", source: "en", target: "de" };
  const text = { type: "text", text: `the ${SAID} ended. the` };
  const sessions = await speak([start, text, SAID, { type: SAID }, { ...text, [SAID]: 1 }, { type: "end" }]);
  runner.failing = true;
  sessions.push(...(await speak([start, text])));
  await speak([], `?source=${SAID}&target=de&key=${KEY}`);
  await fetch(`http://${origin}/v1/translate`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ source: "en", target: "de", text: `the ${SAID}` }),
  });
  await fetch(`http://${origin}/${SAID}`, { headers });
  await server.close();

  const parsed = lines.map((line) => lineSchema.parse(JSON.parse(line)));
  const of = (session: string) => parsed.filter((line) => line.session === session).map(({ msg }) => msg);
  expect(sessions).toHaveLength(2);
  for (const session of sessions) {
    expect(of(session)[0]).toBe("session opened");
    expect(of(session).at(-1)).toBe("session closed");
    expect(of(session)).toContain("error sent");
  }
  for (const hidden of [SAID, KEY, "127.0.0.1:"]) expect(lines.filter((line) => line.includes(hidden))).toEqual([]);
});
