// Traces at a collector: sessions and their segments as spans, with no text in them; and nothing of it where none is named.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, expect, it } from "vitest";
import WebSocket from "ws";
import { z } from "zod";
import { standInBundle } from "../models/stand-in-bundle.ts";
import { StandInModel } from "../models/stand-in-model.ts";
import { InProcessEngine } from "./engine/in-process-engine.ts";
import { type RunningServer, startServer } from "./main.ts";
import type { ServerSettings } from "./settings.ts";

const SAID = "zyzzyva";
const attribute = z.object({ key: z.string(), value: z.record(z.string(), z.unknown()) });
const spanSchema = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  startTimeUnixNano: z.coerce.bigint(),
  endTimeUnixNano: z.coerce.bigint(),
  attributes: z.array(attribute),
  status: z.object({ code: z.number().optional() }),
});
const bodySchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: z.array(attribute) }),
      scopeSpans: z.array(z.object({ spans: z.array(spanSchema) })),
    }),
  ),
});

let collector: Server;
let endpoint: string;
let bodies: string[];
let headers: (string | undefined)[];
beforeEach(async () => {
  bodies = [];
  headers = [];
  collector = createServer(async (request, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.url === "/v1/traces") bodies.push(Buffer.concat(chunks).toString());
    headers.push(String(request.headers["x-tenant"]));
    response.setHeader("content-type", "application/json").end("{}");
  }).listen(0, "127.0.0.1");
  await once(collector, "listening");
  const address = collector.address();
  endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});
let server: RunningServer | undefined;
afterEach(async () => {
  await server?.close();
  collector.closeAllConnections();
  collector.close();
});

/** Speaks two segments to a server with these settings, and stops it. */
async function speak(settings: ServerSettings): Promise<void> {
  const bundle = standInBundle();
  const runner = new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize });
  const startEngine = async () => new InProcessEngine({ models: [{ name: "stand-in", runner }] });
  const all = { port: 0, transport: "ws", logLevel: "silent", ...settings } as const;
  server = await startServer(all, { bundles: [bundle], startEngine });
  const url = server.streamUrl.replace("localhost", "127.0.0.1");
  const socket = new WebSocket(`${url}?source=en&target=de`, "souffleur.v1");
  await once(socket, "open");
  socket.send(JSON.stringify({ type: "text", text: `the ${SAID} and the end. and the ` }));
  socket.send(JSON.stringify({ type: "text", text: "order of the words" }));
  socket.send(JSON.stringify({ type: "end" }));
  await once(socket, "close");
  await server.close();
}

const spans = () =>
  bodies.flatMap((body) =>
    bodySchema
      .parse(JSON.parse(body))
      .resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
  );
const valuesOf = ({ attributes }: z.infer<typeof spanSchema>) =>
  Object.fromEntries(
    attributes.map(({ key, value }) => {
      const [held] = Object.values(value);
      return [key.replace("souffleur.", ""), held];
    }),
  );

it("has a span for a session and one below it for each segment, without a text", async () => {
  await speak({ traceEndpoint: `${endpoint}/`, traceHeaders: "x-tenant=a%20b", traceService: "interpreter" });
  expect(headers).toEqual(["a b"]);
  expect(bodies.join("")).toContain("interpreter");
  expect(bodies.join("")).not.toContain(SAID);
  const [session] = spans().filter(({ name }) => name === "session");
  const segments = spans().filter(({ name }) => name === "segment");
  expect(valuesOf(session)).toMatchObject({ pair: "en-de", outcome: "done", close_code: 1000, words: 11, segments: 2 });
  expect(session.parentSpanId ?? "").toBe("");
  expect(session.status.code ?? 0).toBe(0);
  expect(segments.map(valuesOf)).toMatchObject([
    { segment: 0, target: "de", source_words: 5 },
    { segment: 1, target: "de", source_words: 6 },
  ]);
  for (const segment of segments) {
    expect(segment).toMatchObject({ traceId: session.traceId, parentSpanId: session.spanId });
    expect(segment.startTimeUnixNano).toBeLessThanOrEqual(segment.endTimeUnixNano);
    expect(segment.endTimeUnixNano).toBeLessThanOrEqual(session.endTimeUnixNano);
    expect(valuesOf(segment).deltas).toBeGreaterThan(0);
  }
});

it("traces the share that is asked for, and nothing where no collector is named", async () => {
  await speak({ traceEndpoint: endpoint, traceRatio: 0 });
  await speak({});
  expect(bodies).toEqual([]);
});

it("serves on where the collector does not answer", async () => {
  collector.close();
  await speak({ traceEndpoint: "http://127.0.0.1:1" });
  expect(bodies).toEqual([]);
});
