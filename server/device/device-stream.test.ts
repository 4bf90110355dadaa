import { describe, expect, it } from "vitest";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import { StandInModel } from "../../models/stand-in-model.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import { serverMessageSchema } from "../protocol/server-messages.ts";
import { translate } from "../session/translate.ts";
import { DeviceStream } from "./device-stream.ts";

function setUp() {
  const bundle = standInBundle();
  const runner = new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize });
  const engine = new InProcessEngine({ models: [{ name: bundle.manifest.name, runner }] });
  const messages: { type: string; [field: string]: unknown }[] = [];
  let end: (code: number) => void = () => {};
  const closed = new Promise<number>((resolve) => {
    end = resolve;
  });
  const stream = new DeviceStream(
    { ...bundle, engine },
    {
      // What a server would not send, this may not either.
      message: (message) => messages.push(serverMessageSchema.parse(message)),
      closed: (code) => end(code),
    },
  );
  const send = (message: object) => stream.frame(JSON.stringify(message));
  return { bundle, engine, messages, closed, stream, send };
}

const START = { type: "start", source: "en", target: "de", wait: 2, timings: true };

describe("DeviceStream", () => {
  it("speaks the server's protocol and says what its sessions say", async () => {
    const { bundle, engine, messages, closed, send } = setUp();
    send(START);
    expect(messages[0]).toMatchObject({ type: "ready", model: "stand-in", source: "en", target: "de", wait: 2 });
    for (const word of ["the ", "harbour ", "is ", "open"]) send({ type: "text", text: word });
    send({ type: "commit" });
    send({ type: "ping", id: "x" });
    send({ type: "end" });
    expect(await closed).toBe(1000);
    const { text } = await translate(engine, bundle, "the harbour is open", { wait: 2 });
    expect(messages.find(({ type }) => type === "final")).toMatchObject({ source: "the harbour is open", text });
    const deltas = messages.filter(({ type }) => type === "delta").map((delta) => delta.text);
    expect(deltas.join("")).toBe(text);
    expect(messages.map(({ type }) => type)).toContain("pong");
    expect(messages.at(-1)).toMatchObject({ type: "done", segments: 1, words: 4 });
  });

  it("has the model's wait where none is asked for, and ends without a start", async () => {
    const first = setUp();
    first.send({ type: "start", source: "en", target: "de" });
    expect(first.messages[0]).toMatchObject({ wait: 3 });
    const second = setUp();
    second.send({ type: "end" });
    expect(await second.closed).toBe(1000);
    expect(second.messages).toMatchObject([{ type: "done", segments: 0 }]);
  });

  it("refuses what a server would, and what needs one", async () => {
    const { messages, closed, stream, send } = setUp();
    send({ type: "text", text: "too early" });
    stream.frame("no JSON");
    send({ ...START, captions: "stage" });
    send({ ...START, resume: true });
    send({ type: "resume", session: "a-session", seq: 1 });
    send({ ...START, formality: "formal" });
    expect(messages).toMatchObject([
      { type: "error", code: "bad_request", fatal: false },
      { type: "error", code: "bad_message", fatal: false },
      { type: "error", code: "bad_request", field: "captions", fatal: false },
      { type: "error", code: "bad_request", field: "resume", fatal: false },
      { type: "error", fatal: false },
      { type: "error", code: "bad_request", field: "formality", fatal: false },
    ]);
    send({ ...START, target: "xx" });
    expect(await closed).toBe(1008);
    expect(messages.at(-1)).toMatchObject({ type: "error", code: "unsupported_pair", fatal: true });
    send(START);
    expect(messages).toHaveLength(7);
  });

  it("says nothing more once it was dropped", async () => {
    const { messages, stream, send } = setUp();
    send(START);
    send({ type: "text", text: "the harbour is open" });
    stream.drop();
    send({ type: "commit" });
    await new Promise((resolve) => setImmediate(resolve));
    expect(messages.map(({ type }) => type)).toEqual(["ready"]);
  });
});
