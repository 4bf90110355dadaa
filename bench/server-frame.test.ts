// Reading the server's frames.
import { expect, it } from "vitest";
import { readServerFrame } from "./server-frame.ts";

it("reads what it needs of each frame", () => {
  expect(readServerFrame('{"type":"ready","session":"s"}')).toEqual({ type: "ready" });
  expect(
    readServerFrame('{"type":"delta","segment":0,"target":"de","seq":1,"read":2,"text":"Ja","latency":3.5}'),
  ).toEqual({
    ...{ type: "delta", segment: 0, seq: 1, read: 2, text: "Ja" },
    ...{ latency: 3.5, queue: undefined, compute: undefined },
  });
  expect(readServerFrame('{"type":"final","segment":0,"seq":2,"source":"Yes","text":"Ja","start":0}')).toEqual({
    ...{ type: "final", segment: 0, seq: 2, source: "Yes", text: "Ja" },
  });
  expect(readServerFrame('{"type":"error","code":"overloaded","message":"m","fatal":true}')).toEqual({
    ...{ type: "error", code: "overloaded", fatal: true },
  });
  expect(readServerFrame('{"type":"pong"}')).toEqual({ type: "other" });
});

it.each([
  "",
  "[]",
  "null",
  '{"type":5}',
  '{"type":"delta","segment":0,"seq":1,"text":"a"}',
  '{"type":"final","seq":1}',
])("does not take %j for a frame", (data) => {
  expect(readServerFrame(data)).toBeUndefined();
});
