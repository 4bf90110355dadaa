import { describe, expect, expectTypeOf, it } from "vitest";
import type * as clients from "../../server/protocol/client-messages.ts";
import type * as servers from "../../server/protocol/server-messages.ts";
import { serverMessageSchema } from "../../server/protocol/server-messages.ts";
import type * as own from "./messages.ts";
import { readServerMessage } from "./messages.ts";

/** What the client adds by itself when it sends. */
type Numbered = "seq" | "received";

describe("the client's types", () => {
  it("are the server's", () => {
    expectTypeOf<own.ReadyMessage>().toEqualTypeOf<servers.ReadyMessage>();
    expectTypeOf<own.DeltaMessage>().toEqualTypeOf<servers.DeltaMessage>();
    expectTypeOf<own.TentativeMessage>().toEqualTypeOf<servers.TentativeMessage>();
    expectTypeOf<own.FinalMessage>().toEqualTypeOf<servers.FinalMessage>();
    expectTypeOf<own.ErrorMessage>().toEqualTypeOf<servers.ErrorMessage>();
    expectTypeOf<own.NoticeMessage>().toEqualTypeOf<servers.NoticeMessage>();
    expectTypeOf<own.PongMessage>().toEqualTypeOf<servers.PongMessage>();
    expectTypeOf<own.DoneMessage>().toEqualTypeOf<servers.DoneMessage>();
    expectTypeOf<own.ServerMessage>().toEqualTypeOf<servers.ServerMessage>();
    expectTypeOf<own.TextMessage>().toEqualTypeOf<Omit<clients.TextMessage, Numbered>>();
    expectTypeOf<own.ReviseMessage>().toEqualTypeOf<Omit<clients.ReviseMessage, Numbered>>();
    expectTypeOf<own.CommitMessage>().toEqualTypeOf<Omit<clients.CommitMessage, Numbered>>();
    expectTypeOf<own.EndMessage>().toEqualTypeOf<Omit<clients.EndMessage, Numbered>>();
    expectTypeOf<own.PingMessage>().toEqualTypeOf<Omit<clients.PingMessage, Numbered>>();
    expectTypeOf<own.StreamSettings>().toEqualTypeOf<Omit<clients.StreamSettings, "key" | "resume">>();
  });
});

describe("readServerMessage", () => {
  const limits = { payloadBytes: 1, textCharacters: 2, segmentTokens: 3, outboxBytes: 4, idleTimeoutMs: 5 };
  const messages: servers.ServerMessage[] = [
    {
      ...{ type: "ready", session: "s", protocol: "souffleur.v1", model: "m", source: "en", target: "de", wait: 3 },
      limits,
    },
    { type: "delta", segment: 0, target: "de", text: "Der", read: 2, seq: 1 },
    { type: "tentative", segment: 0, target: "de", text: "Zug" },
    { type: "final", segment: 0, target: "de", source: "The", text: "Der", start: 0, end: 1, seq: 2 },
    { type: "error", code: "internal", message: "a fault", fatal: true },
    { type: "notice", code: "contradicted", message: "otherwise" },
    { type: "pong" },
    { type: "done", segments: 1, words: 1, duration: 1 },
  ];

  it.each(messages)("reads $type as it is", (message) => {
    expect(readServerMessage(JSON.stringify(serverMessageSchema.parse(message)))).toEqual(message);
  });

  it("leaves out what it does not know, and refuses what is no message", () => {
    expect(readServerMessage('{"type":"news","text":"x"}')).toBeUndefined();
    expect(readServerMessage('{"type":"toString"}')).toBeUndefined();
    expect(readServerMessage('{"type":"delta","segment":0}')).toBeUndefined();
    for (const frame of ["", "[", "3", "null", "{}", new Uint8Array(2)]) {
      expect(() => readServerMessage(frame)).toThrow(SyntaxError);
    }
  });
});
