// docs/protocol.md is the contract: every message that it shows is one that the server parses or sends.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { CLIENT_MESSAGES, SERVER_MESSAGES } from "../server/http/asyncapi.ts";
import { clientMessageSchema } from "../server/protocol/client-messages.ts";
import { CLOSE_CODES, ERROR_RULES } from "../server/protocol/close-codes.ts";
import { roomMessageSchema } from "../server/protocol/room-messages.ts";
import { serverMessageSchema } from "../server/protocol/server-messages.ts";
import { translateRequestSchema, translateResponseSchema } from "../server/protocol/translate-request.ts";
import { codeBlocks } from "./markdown.ts";
import { contentOf } from "./tracked-files.ts";

const page = contentOf("docs/protocol.md");
const blocks = codeBlocks(page);
/** What the page leaves out of `ready`. */
const LIMITS = JSON.stringify({
  payloadBytes: 65_536,
  textCharacters: 10_000,
  segmentTokens: 159,
  outboxBytes: 1_048_576,
  idleTimeoutMs: 300_000,
});
const anyMessage = z.union([clientMessageSchema, serverMessageSchema, roomMessageSchema]);

/** The rows of the table below a heading, as the first cell's code. */
function fieldsBelow(heading: string): string[] {
  const section = page.split(new RegExp(`^### ${heading}$`, "m"))[1]?.split(/^#/m)[0] ?? "";
  return [...section.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell]) =>
    [...cell.matchAll(/`(\w+)\??`/g)].map(([, name]) => name),
  );
}

describe("docs/protocol.md", () => {
  const json = blocks.filter(({ language }) => language === "json").map(({ text }) => text);

  it.each(json)("shows a message of the protocol: %s", (text) => {
    expect(anyMessage.safeParse(JSON.parse(text))).toMatchObject({ success: true });
  });

  it("shows frames of the protocol in its sessions", () => {
    const consoles = blocks.filter(({ language }) => language === "console").flatMap(({ text }) => text.split("\n"));
    const sent = consoles.filter((line) => line.startsWith("> ")).map((line) => line.slice(2));
    const received = consoles.filter((line) => line.startsWith("< ")).map((line) => line.slice(2));
    expect(sent.length).toBeGreaterThan(2);
    expect(received.length).toBeGreaterThan(2);
    for (const frame of sent) clientMessageSchema.parse(JSON.parse(frame));
    for (const frame of received) serverMessageSchema.parse(JSON.parse(frame.replace("{…}", LIMITS)));
  });

  it("shows a request that is taken, and its answer", () => {
    const shown = blocks.find(({ text }) => text.includes("/v1/translate -H"))?.text ?? "";
    translateRequestSchema.parse(JSON.parse(/-d '([^']+)'/.exec(shown)?.[1] ?? ""));
    translateResponseSchema.parse(JSON.parse(shown.trim().split("\n").at(-1) ?? ""));
  });

  /** Of every message but `resume` these are told once, with what they are for. */
  const COUNTS = ["seq", "received"];

  it.each(["start", "resume", "text", "revise", "ready", "delta", "tentative", "final", "error", "notice"])(
    "tells of every field of %s",
    (name) => {
      const { schema } = { ...CLIENT_MESSAGES, ...SERVER_MESSAGES }[name as "start"];
      const elsewhere = name === "resume" ? [] : COUNTS;
      const left = ["type", ...elsewhere];
      const fields = Object.keys(schema.shape).filter((field) => !left.includes(field));
      const told = fieldsBelow(`\`${name}\``).filter((field) => !elsewhere.includes(field));
      expect(told.sort()).toEqual(fields.sort());
    },
  );

  it("tells of every field that viewers of a room are sent", () => {
    for (const { shape } of roomMessageSchema.options) {
      const [type] = shape.type.values;
      const [, fields] = new RegExp(`^\\| \`${type}\` +\\| (\`[^|]+) \\|`, "m").exec(page.split("## Rooms")[1]) ?? [];
      const told = [...(fields ?? "").matchAll(/`(\w+)\??`/g)].map(([, name]) => name);
      expect(told.sort()).toEqual(
        Object.keys(shape)
          .filter((field) => field !== "type")
          .sort(),
      );
    }
  });

  it("tells of the counts of both sides", () => {
    expect(fieldsBelow("Counts").sort()).toEqual([...COUNTS, ...COUNTS].sort());
  });

  it("tells of every error code and close code", () => {
    for (const code of Object.keys(ERROR_RULES)) expect(page).toMatch(new RegExp(`^\\| \`${code}\` `, "m"));
    for (const code of Object.keys(CLOSE_CODES)) expect(page).toMatch(new RegExp(`^\\| ${code} `, "m"));
  });
});
