// The snippets of README.md and docs/protocol.md, run as a reader would run them, against the real server.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { type RunningServer, startServer } from "../server/main.ts";
import { clientMessageSchema } from "../server/protocol/client-messages.ts";
import { type ServerMessage, serverMessageSchema } from "../server/protocol/server-messages.ts";
import { translateRequestSchema, translateResponseSchema } from "../server/protocol/translate-request.ts";
import { DEFAULT_BUNDLE, PACKAGE_ROOT } from "../server/settings.ts";
import { codeBlocks } from "./markdown.ts";
import { startStandInServer } from "./stand-in-server.ts";
import { contentOf } from "./tracked-files.ts";

const run = promisify(execFile);
const DOCUMENTS = ["README.md", "docs/protocol.md"];
const hasModel = existsSync(join(DEFAULT_BUNDLE, "bundle.json")) && existsSync(join(PACKAGE_ROOT, "dist/server"));

/** The only block of a document that has all of these words. */
function blockWith(path: string, language: string, ...words: string[]): string {
  const found = codeBlocks(contentOf(path)).filter(
    (block) => block.language === language && words.every((word) => block.text.includes(word)),
  );
  expect([path, words, found.length]).toEqual([path, words, 1]);
  return found[0].text;
}

/** What stands after the pattern's group, or a failure that shows where it was looked for. */
function part(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`${pattern} is not in:\n${text}`);
  return found;
}

const words = (text: string) => text.trim().split(/\s+/).join(" ");

describe.each(DOCUMENTS)("the conversation of %s", (path) => {
  const lines = [...blockWith(path, "console", "wscat").matchAll(/^([<>]) (\{.+\})$/gm)];

  it("could happen as it is shown", () => {
    let sent = "";
    let deltas = 0;
    let heard = 0;
    for (const [, direction, frame] of lines) {
      const message: unknown = JSON.parse(frame.replace("{…}", "{}"));
      if (direction === ">") {
        const said = clientMessageSchema.parse(message);
        if (said.type === "text") sent += said.text;
        deltas = 0;
        continue;
      }
      const told = serverMessageSchema.safeParse(message).data;
      if (told?.type === "delta") {
        // A delta tells of words that were sent, and the few words of one message go through the engine together.
        expect(told.read).toBe(sent.trim().split(/\s+/).length);
        deltas += 1;
        expect(deltas).toBe(1);
      }
      if (told?.type === "final") {
        // Milliseconds of the stream: nobody types at once, nor a second word in the instant of the first.
        expect(told.start).toBeGreaterThan(0);
        expect(told.end).toBeGreaterThan(told.start);
        heard = told.end;
      }
      if (told?.type === "done") expect(told.duration).toBeGreaterThan(heard);
    }
    expect(heard).toBeGreaterThan(0);
  });
});

describe("the snippets", () => {
  const compiled = new Map<string, string>();
  let folder: string;

  // Under node_modules, so that what a snippet imports is found; types are checked as strictly as ours.
  beforeAll(async () => {
    const cache = join(PACKAGE_ROOT, "node_modules", ".cache");
    mkdirSync(cache, { recursive: true });
    folder = mkdtempSync(join(cache, "snippets-"));
    const compilerOptions = {
      strict: true,
      noUnusedLocals: true,
      target: "es2023",
      lib: ["es2023", "dom"],
      module: "nodenext",
      types: ["node"],
      outDir: "built",
    };
    const files = DOCUMENTS.map((path, index) => {
      writeFileSync(join(folder, `snippet-${index}.mts`), `${blockWith(path, "ts", "WebSocket")}\nexport {};\n`);
      compiled.set(path, join(folder, "built", `snippet-${index}.mjs`));
      return `snippet-${index}.mts`;
    });
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    const compiler = join(PACKAGE_ROOT, "node_modules/typescript/bin/tsc");
    await run(process.execPath, [compiler, "-p", folder]).catch((error: { stdout: string }) => {
      throw new Error(`a snippet does not compile:\n${error.stdout}`);
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe.each([
    ["a stand-in model", startStandInServer, true],
    ["the shipped bundle", () => startServer({ port: 0, workers: 1, logLevel: "silent" }), hasModel],
  ] as const)("with %s", (_, start, canStart) => {
    let server: RunningServer;
    const here = (text: string) => text.replaceAll("localhost:8080", `127.0.0.1:${server.port}`);
    beforeAll(async () => {
      if (canStart) server = await start();
    });
    afterAll(() => server?.close());

    /** A whole text over HTTP. */
    async function translate(body: unknown): Promise<string | string[]> {
      const headers = { "content-type": "application/json" };
      const request = { method: "POST", headers, body: JSON.stringify(translateRequestSchema.parse(body)) };
      const response = await fetch(here("http://localhost:8080/v1/translate"), request);
      return translateResponseSchema.parse(await response.json()).text;
    }

    /** What the server answers when these frames are sent in turn, and how it closes. */
    async function converse(url: string, subprotocol: string, frames: readonly string[]) {
      const socket = new WebSocket(here(url), subprotocol);
      const messages: ServerMessage[] = [];
      const closed = new Promise<number>((resolve, reject) => {
        socket.on("close", resolve);
        socket.on("error", reject);
      });
      socket.on("message", (data) => messages.push(serverMessageSchema.parse(JSON.parse(String(data)))));
      socket.on("open", () => {
        for (const frame of frames) socket.send(frame);
      });
      return { code: await closed, messages };
    }

    describe.each(DOCUMENTS)("%s", (path) => {
      it.skipIf(!canStart)("shows what a terminal sends and gets", async () => {
        const text = blockWith(path, "console", "wscat");
        const url = part(text, /-c '([^']+)'/);
        const sent = [...text.matchAll(/^> (.+)$/gm)].map(([, frame]) => frame);
        for (const frame of sent) clientMessageSchema.parse(JSON.parse(frame));
        const { code, messages } = await converse(url, part(text, /-s (\S+)/), sent);
        expect(code).toBe(1000);

        const shown = [...text.matchAll(/^< (.+)$/gm)].map(([, frame]) => {
          const whole = frame.replace('"limits":{…}', `"limits":${JSON.stringify(limitsOf(messages))}`);
          return serverMessageSchema.parse(JSON.parse(whole));
        });
        expect(turns(shown)).toEqual(turns(messages));
        // The document's own translation keeps the protocol's promise: a final is its deltas.
        const texts = shown.flatMap((message) => (message.type === "delta" ? [message.text] : []));
        expect(shown.flatMap((message) => (message.type === "final" ? [message.text] : [])).join("")).toBe(
          texts.join(""),
        );
      });

      it.skipIf(!canStart)("has TypeScript that prints the translation", async () => {
        const script = readFileSync(compiled.get(path) ?? "", "utf8");
        // What the document says to do where Node has no WebSocket of its own.
        const import20 = typeof globalThis.WebSocket === "undefined" ? 'import WebSocket from "ws";\n' : "";
        const file = join(folder, "snippet-here.mjs");
        writeFileSync(file, import20 + here(script));
        const { stdout, stderr } = await run(process.execPath, [file], { timeout: 120_000 });
        expect(stderr).toBe("");
        const text = part(script, /"([^"]+)"\.split/);
        const wait = Number(part(script, /wait(?:=|: )(\d+)/));
        const expected = await translate({ source: "en", target: "de", text, wait });
        expect(words(String(expected))).not.toBe("");
        expect(words(stdout)).toContain(words(String(expected)));
      });

      it.skipIf(!canStart)("shows a request and its answer", async () => {
        const text = blockWith(path, "console", "curl", "/v1/translate");
        expect(part(text, /curl (\S+)/)).toBe("http://localhost:8080/v1/translate");
        expect(part(text, /-H '([^']+)'/)).toBe("content-type: application/json");
        const request = translateRequestSchema.parse(JSON.parse(part(text, /-d '([^']+)'/)));
        const shown = translateResponseSchema.parse(JSON.parse(part(text, /^(\{.*\})$/m)));
        const answer = await translate(request);
        expect([shown.source, shown.target]).toEqual([request.source, request.target]);
        expect(countOf(shown.text)).toBe(countOf(request.text));
        expect(countOf(answer)).toBe(countOf(request.text));
      });
    });
  });
});

/** A list's length; a text alone is no list. */
function countOf(text: string | readonly string[]): number | undefined {
  return typeof text === "string" ? undefined : text.length;
}

function limitsOf(messages: readonly ServerMessage[]) {
  return messages.flatMap((message) => (message.type === "ready" ? [message.limits] : []))[0];
}

/** What does not depend on the model or the time: each message's fields, and what it repeats of the source. */
function turns(messages: readonly ServerMessage[]) {
  const all = messages.map((message) => {
    const fields = Object.keys(message).sort();
    if (message.type === "ready") return { fields, wait: message.wait, source: message.source, target: message.target };
    if (message.type === "final") return { fields, segment: message.segment, source: message.source };
    if (message.type === "done") return { fields, segments: message.segments, words: message.words };
    return { type: message.type, fields };
  });
  // How many deltas a segment has is the model's affair.
  return all.filter((turn, index) => JSON.stringify(turn) !== JSON.stringify(all[index - 1]));
}
