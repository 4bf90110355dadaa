import { describe, expect, it } from "vitest";
import { PAYLOAD_MAX_BYTES } from "./limits.ts";
import { type ParseContext, parseClientMessage } from "./parse-message.ts";
import type { ErrorDetails } from "./protocol-error.ts";

const pairs = [
  { model: "en-de", source: "en", target: "de" },
  { model: "en-fr", source: "en", target: "fr" },
];
const fresh: ParseContext = { started: false, pairs };
const started: ParseContext = { started: true, pairs };

function errorOf(raw: unknown, context: ParseContext = started): ErrorDetails {
  const parsed = parseClientMessage(
    typeof raw === "string" || raw instanceof Uint8Array ? raw : JSON.stringify(raw),
    context,
  );
  if (parsed.ok) throw new Error(`taken as a good message: ${JSON.stringify(parsed.message)}`);
  return parsed.error.details;
}

function messageOf(raw: unknown, context: ParseContext = started) {
  const parsed = parseClientMessage(JSON.stringify(raw), context);
  if (!parsed.ok) throw parsed.error;
  return parsed.message;
}

describe("parseClientMessage", () => {
  it("reads every message", () => {
    const start = { type: "start", source: "en", target: "de", wait: 3, timings: true };
    expect(messageOf(start, fresh)).toEqual(start);
    expect(messageOf({ type: "start", source: "en", target: ["de"], wait: "full" }, fresh)).toEqual({
      type: "start",
      source: "en",
      target: ["de"],
      wait: "full",
    });
    expect(messageOf({ type: "text", text: " a b", seq: 0, at: 12.5 })).toEqual({
      type: "text",
      text: " a b",
      seq: 0,
      at: 12.5,
    });
    expect(messageOf({ type: "commit" })).toEqual({ type: "commit" });
    expect(messageOf({ type: "end" }, fresh)).toEqual({ type: "end" });
    expect(messageOf({ type: "ping", id: 7 }, fresh)).toEqual({ type: "ping", id: 7 });
  });

  it.each([
    ["not JSON", "hello", "bad_message", undefined],
    ["a list", [1], "bad_message", undefined],
    ["null", "null", "bad_message", undefined],
    ["a binary frame", new Uint8Array([123, 125]), "bad_message", undefined],
    ["no type", { text: "a" }, "bad_message", "type"],
    ["an unknown type", { type: "speak" }, "bad_message", "type"],
    ["a type that is no string", { type: 3 }, "bad_message", "type"],
    ["a missing field", { type: "text" }, "bad_message", "text"],
    ["a wrong field", { type: "text", text: 3 }, "bad_message", "text"],
    ["an unknown field", { type: "text", text: "a", lang: "en" }, "bad_message", "lang"],
    ["a wrong seq", { type: "text", text: "a", seq: -1 }, "bad_message", "seq"],
    ["a wrong clock", { type: "text", text: "a", at: "now" }, "bad_message", "at"],
    ["a long ping id", { type: "ping", id: "x".repeat(200) }, "bad_message", "id"],
    ["a second start", { type: "start", source: "en", target: "de" }, "bad_request", "type"],
    ["too much", { type: "text", text: "ü".repeat(PAYLOAD_MAX_BYTES / 2) }, "too_large", undefined],
    ["too much binary", new Uint8Array(PAYLOAD_MAX_BYTES + 1), "too_large", undefined],
  ])("refuses %s", (_name, raw, code, field) => {
    const error = errorOf(raw);
    expect(error).toMatchObject({ code });
    expect(error.field).toBe(field);
    expect(error.message.length).toBeGreaterThan(10);
  });

  it.each([
    ["no source", { target: "de" }, "bad_request", "source"],
    ["wait 0", { wait: 0 }, "bad_request", "wait"],
    ["wait 1.5", { wait: 1.5 }, "bad_request", "wait"],
    ["wait as text", { wait: "3" }, "bad_request", "wait"],
    ["timings as text", { timings: "true" }, "bad_request", "timings"],
    ["tentative as a number", { tentative: 1 }, "bad_request", "tentative"],
    ["an unknown form of address", { formality: "polite" }, "bad_request", "formality"],
    ["a glossary that is no list", { glossary: "a" }, "bad_request", "glossary"],
    ["a term without a letter", { glossary: [{ source: "a", target: "!" }] }, "bad_request", "glossary[0].target"],
    ["a term twice", { glossary: Array(2).fill({ source: "a", target: "b" }) }, "bad_request", "glossary[1].source"],
    ["an unknown field", { lag: 3 }, "bad_request", "lag"],
    ["an unknown target", { target: "xx" }, "unsupported_pair", "target"],
    ["an unknown source", { source: "xx" }, "unsupported_pair", "source"],
    ["an unknown model", { model: "large" }, "unsupported_pair", "model"],
    ["no target in the list", { target: [] }, "bad_request", "target"],
    ["six targets", { target: ["a", "b", "c", "d", "e", "f"] }, "bad_request", "target"],
    ["a target twice", { target: ["de", "de"] }, "bad_request", "target"],
    ["fewer models than targets", { target: ["de", "fr"], model: ["en-de"] }, "bad_request", "model"],
  ])("refuses start with %s", (_name, fields, code, field) => {
    const base = "source" in fields || field === "source" ? {} : { source: "en" };
    const error = errorOf({ type: "start", target: "de", ...base, ...fields }, fresh);
    expect(error).toMatchObject({ code, field });
  });

  it("takes hypotheses, and no more of them as stable than there is", () => {
    const revise = { type: "revise", text: "the word", seq: 3, stable: 8, at: 20 };
    expect(messageOf(revise)).toEqual(revise);
    for (const stable of [9, -1, 1.5, "3"]) {
      expect(errorOf({ type: "revise", text: "the word", stable })).toMatchObject({
        code: "bad_message",
        field: "stable",
      });
    }
    expect(errorOf({ type: "revise", text: "a" }, fresh)).toMatchObject({ code: "bad_request", field: "type" });
  });

  it("names the target that is not served among several, and no target where there is one", () => {
    const several = errorOf({ type: "start", source: "en", target: ["de", "xx"] }, fresh);
    expect(several).toMatchObject({ code: "unsupported_pair", field: "target", target: "xx" });
    expect(errorOf({ type: "start", source: "en", target: "xx" }, fresh)).not.toHaveProperty("target");
    const model = errorOf({ type: "start", source: "en", target: ["de", "fr"], model: ["en-de", "de"] }, fresh);
    expect(model).toMatchObject({ code: "unsupported_pair", field: "model", target: "fr" });
  });

  it("reads what resumes a stream, which no started one does", () => {
    const resume = { type: "resume", session: "id.secret", seq: 4, key: "k" };
    expect(messageOf(resume, fresh)).toEqual(resume);
    expect(errorOf(resume)).toMatchObject({ code: "bad_request", field: "type" });
    for (const [field, value] of [
      ["session", ""],
      ["session", "x".repeat(129)],
      ["seq", -1],
      ["seq", "4"],
      ["wait", 3],
    ] as const) {
      expect(errorOf({ ...resume, [field]: value }, fresh)).toMatchObject({ code: "bad_message", field });
    }
    expect(errorOf({ type: "start", source: "en", target: "de", resume: "id" }, fresh)).toMatchObject({
      field: "resume",
    });
    const counted = { type: "commit", seq: 3, received: 9 };
    expect(messageOf(counted)).toEqual(counted);
    expect(errorOf({ type: "end", received: -1 })).toMatchObject({ code: "bad_message", field: "received" });
  });

  it.each(["text", "commit"])("refuses %s before start", (type) => {
    expect(errorOf(type === "text" ? { type, text: "a" } : { type }, fresh)).toMatchObject({
      code: "bad_request",
      field: "type",
    });
  });

  it("never repeats what the client sent", () => {
    expect(JSON.stringify(errorOf({ type: "text", text: "a", seq: "secret words" }))).not.toContain("secret");
    expect(JSON.stringify(errorOf("secret words"))).not.toContain("secret");
  });

  it("says what a number or an id out of bounds must be, in words", () => {
    const waits = [0, -1, 1e300].map((wait) => errorOf({ type: "start", source: "en", target: "de", wait }, fresh));
    for (const { message } of waits) {
      expect(message).toBe('wait must be an integer of 1 or more (tokens behind), or "full"');
    }
    expect(errorOf({ type: "ping", id: "x".repeat(129) }).message).toBe(
      "id must be a number, or a string of at most 128 characters",
    );
  });

  it("takes a message of exactly the limit", () => {
    const empty = JSON.stringify({ type: "text", text: "" }).length;
    expect(messageOf({ type: "text", text: "x".repeat(PAYLOAD_MAX_BYTES - empty) }).type).toBe("text");
    expect(errorOf({ type: "text", text: "x".repeat(PAYLOAD_MAX_BYTES - empty + 1) }).code).toBe("too_large");
  });
});
