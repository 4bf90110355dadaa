import { describe, expect, it } from "vitest";
import { SourceStream } from "../../models/source-stream.ts";
import { StandInModel } from "../../models/stand-in-model.ts";
import { standInTokenizer } from "../../models/stand-in-tokenizer.ts";
import { TargetStream } from "../../models/target-stream.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import type { SessionMessage } from "./session-event.ts";
import { SessionRunner } from "./session-runner.ts";

const tokenizer = standInTokenizer();
const runner = new StandInModel({ vocabularySize: tokenizer.vocabularySize });

function stream(onMessage: (message: SessionMessage, session: SessionRunner) => void = () => undefined) {
  const engine = new InProcessEngine({ models: [{ name: "en-de", runner }] });
  const messages: SessionMessage[] = [];
  let closes = 0;
  let session: SessionRunner;
  const closed = new Promise<number>((resolve) => {
    session = new SessionRunner({
      settings: {
        source: "en",
        targets: [
          {
            language: "de",
            model: "en-de",
            wait: 2,
            maxSourceTokens: 160,
            openSource: () => new SourceStream(tokenizer),
            openTarget: () => new TargetStream(tokenizer),
          },
        ],
      },
      engine,
      now: () => 0,
      emit: (message) => {
        messages.push(message);
        onMessage(message, session);
      },
      close: (code) => {
        closes++;
        resolve(code);
      },
    });
  });
  return { engine, session: session!, messages, closed, closes: () => closes };
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe("SessionRunner", () => {
  it("translates a stream and frees the engine", async () => {
    const { engine, session, messages, closed, closes } = stream();
    session.text("the words in order. the words ");
    session.text("in the chest");
    expect(messages).toEqual([]);
    session.end();
    expect(await closed).toBe(1000);
    expect(messages.filter(({ type }) => type === "final")).toMatchObject([
      { source: "the words in order." },
      { source: "the words in the chest" },
    ]);
    expect(messages.at(-1)?.type).toBe("done");
    expect(closes()).toBe(1);
    expect(engine.gauges()).toMatchObject({ openSegments: 0, stateBytes: 0 });
  });

  it("says nothing more after an abort, also when it comes from inside emit", async () => {
    const { engine, session, messages, closes } = stream((message, self) => {
      if (message.type === "delta") self.abort();
    });
    session.text("the words in order. the words in the chest. the word");
    await turns(10);
    expect(messages.filter(({ type }) => type === "delta")).toHaveLength(1);
    expect(messages).toHaveLength(1);
    expect(closes()).toBe(0);
    expect(session.closed).toBe(true);
    expect(engine.gauges()).toMatchObject({ openSegments: 0, stateBytes: 0 });
  });

  it("keeps the order of messages when emit sends text on", async () => {
    const { session, messages, closed } = stream((message, self) => {
      if (message.type !== "final") return;
      if (message.segment < 2) self.text("the words again. ");
      else self.end();
    });
    session.text("the words in order. ");
    await closed;
    const seqs = messages.flatMap((message) => ("seq" in message ? [message.seq] : []));
    expect(seqs).toEqual(seqs.map((_, index) => index + 1));
    expect(messages.at(-1)).toMatchObject({ type: "done", segments: 3 });
  });

  it("tells a stream that the engine shuts down, and closes it", async () => {
    const { engine, session, messages, closed } = stream();
    session.text("the words in order");
    await turns(3);
    await engine.close();
    expect(await closed).toBe(1001);
    expect(messages.at(-1)).toMatchObject({ type: "error", code: "shutting_down", fatal: true });
  });

  it("refuses a model that the engine lacks", () => {
    const engine = new InProcessEngine({ models: [] });
    expect(() => engine.openSession("en-de")).toThrow(RangeError);
  });
});
