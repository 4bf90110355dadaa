import asyncApiSpecs from "@asyncapi/specs";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { CaptionEvent } from "../captions/lines/caption.ts";
import { CaptionOutputs } from "../captions/outputs/caption-outputs.ts";
import { webSocketFrame } from "../captions/outputs/caption-viewers.ts";
import { parseOutputs } from "../captions/outputs/outputs-file.ts";
import type { Metrics } from "../metrics.ts";
import { captionEventSchema, captionFrameSchema } from "../protocol/caption-events.ts";
import { CLIENT_MESSAGE_TYPES, clientMessageSchema } from "../protocol/client-messages.ts";
import { CAPTIONS_PATH } from "../protocol/limits.ts";
import { roomMessageSchema } from "../protocol/room-messages.ts";
import { serverMessageSchema } from "../protocol/server-messages.ts";
import { asyncApiDocument, CLIENT_MESSAGES, ROOM_MESSAGES, SERVER_MESSAGES } from "./asyncapi.ts";
import { openApiDocument } from "./openapi.ts";
import type { Page } from "./page.ts";
import { makeRouter } from "./routes.ts";

const openApiSchema = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
  components: z.looseObject({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }),
});
const asyncApiSchema = z.looseObject({
  components: z.object({
    messages: z.record(z.string(), z.looseObject({ payload: z.record(z.string(), z.unknown()) })),
  }),
});

/** What a client gets: the document as JSON. */
const openApi = openApiSchema.parse(JSON.parse(JSON.stringify(openApiDocument())));
const asyncApi = asyncApiSchema.parse(JSON.parse(JSON.stringify(asyncApiDocument())));

describe("the OpenAPI document", () => {
  it("is valid by OpenAPI's own schema, references and all", async () => {
    const validator = new Validator({ strict: false, validateFormats: false });
    const result = await validator.validate(structuredClone(openApi));
    expect(result).toMatchObject({ valid: true });
    expect(validator.version).toBe("3.1");
    const broken = await new Validator().validate({ ...structuredClone(openApi), info: {} });
    expect(broken.valid).toBe(false);
  });

  it("has every route but those of pages", () => {
    const router = makeRouter({
      catalogue: { models: [], manifests: [] },
      metrics: {} as Metrics,
      page: {} as Page,
      maxConcurrent: 1,
      unready: () => undefined,
      admit: () => ({ address: "", holder: undefined }),
      readCues: () => ({ cues: [] }),
      identify: () => ({ address: "", holder: undefined }),
      charge: () => {},
      translate: async () => "",
      onFault: () => {},
    });
    const served = router.routes.filter(
      (route) => !["GET /", "GET /live/*", "GET /speak/*", "GET /assets/*", "GET /service-worker.js"].includes(route),
    );
    // Those of captions are the outputs' own: the next test follows them.
    const paths = Object.entries(openApi.paths).filter(([path]) => !path.startsWith(CAPTIONS_PATH));
    const told = paths.flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replace(/\{\w+\}/g, "*")}`),
    );
    expect(told.sort()).toEqual(served.sort());
  });

  it("has the routes of captions, which the outputs answer, and their events as they are sent", async () => {
    const outputs = new CaptionOutputs(
      parseOutputs("outputs: { stage: { public: true, sinks: [{ type: hls }] } }", "outputs.yaml"),
      { count: () => {}, onFault: () => {}, admit: () => {} },
    );
    const { channel } = outputs.join("stage");
    channel.take({ type: "delta", target: "de", text: "Der alte Hafen ist heute geschlossen." });
    channel.take({ type: "final", target: "de" });
    const paths = Object.keys(openApi.paths).filter((path) => path.startsWith(CAPTIONS_PATH));
    const answers = paths.map((told) => {
      const path = told.replace("{output}", "stage").replace("{target}", "de").replace("{segment}", "999999");
      const shown = { query: "", authorization: "", origin: "", forwardedFor: "", peer: "" };
      const request = { ...shown, method: "GET", path, header: () => "", body: undefined };
      const { status, body, open } = outputs.respond({ ...request, signal: new AbortController().signal }, shown);
      const sent: string[] = [];
      open?.({ bufferedBytes: 0, write: (text) => sent.push(text), close: () => {} });
      for (const [, data] of sent.join("").matchAll(/^data: (.*)$/gm)) captionEventSchema.parse(JSON.parse(data));
      return [told.slice(CAPTIONS_PATH.length), status, open === undefined ? String(body) : sent.join("")];
    });
    expect(answers).toEqual([
      ["{output}/events", 200, expect.stringContaining("event: screen")],
      ["{output}/socket", 426, expect.stringContaining("this is a WebSocket")],
      ["{output}/hls/{target}/playlist.m3u8", 200, expect.stringContaining("#EXTM3U")],
      ["{output}/hls/{target}/{segment}.vtt", 404, expect.stringContaining("there is no such segment now")],
    ]);
    const times = { start: 0, end: 1, readingSpeed: 1, delay: 0 };
    const events: CaptionEvent[] = [
      { type: "caption", index: 0, target: "de", lines: ["a"], ...times },
      { type: "screen", target: "de", lines: [], at: 1 },
    ];
    for (const event of events) captionFrameSchema.parse(JSON.parse(webSocketFrame(event, 7)));
    await outputs.close();
  });

  it("says of a request what the server says", () => {
    const validate = new Ajv({ strict: false }).compile(openApi.components.schemas.TranslateRequest);
    expect(validate({ source: "en", target: "de", text: ["a", "b"], wait: 3 })).toBe(true);
    for (const wrong of [
      { source: "en", target: "de" },
      { source: "en", target: "de", text: "a", wait: 0 },
    ]) {
      expect(validate(wrong)).toBe(false);
    }
  });
});

describe("the AsyncAPI document", () => {
  const ajv = new Ajv({ strict: false, validateFormats: false });

  it("is valid by AsyncAPI's own schema", () => {
    const validate = ajv.compile(asyncApiSpecs.schemasWithoutId["3.0.0"]);
    expect(validate(structuredClone(asyncApi)), JSON.stringify(validate.errors?.slice(0, 3))).toBe(true);
    expect(validate({ ...asyncApi, channels: { stream: { address: 3 } } })).toBe(false);
  });

  it("has every message that is parsed or sent", () => {
    expect(Object.keys(CLIENT_MESSAGES)).toEqual(CLIENT_MESSAGE_TYPES);
    expect(clientMessageSchema.options).toHaveLength(CLIENT_MESSAGE_TYPES.length);
    expect(Object.values(SERVER_MESSAGES).map(({ schema }) => schema)).toEqual(serverMessageSchema.options);
    expect(Object.values(ROOM_MESSAGES).map(({ schema }) => schema)).toEqual(roomMessageSchema.options);
  });

  it.each([
    [{ type: "text", text: "a", at: 3 }, true],
    [{ type: "text", text: "a", at: -3 }, false],
    [{ type: "text", text: "a", extra: 3 }, false],
    [{ type: "start", source: "en", target: ["de", "fr"], wait: "full" }, true],
    [{ type: "start", source: "en", target: [] }, false],
    [{ type: "start", source: "en", target: "de", wait: 0 }, false],
    [{ type: "revise", text: "a", stable: 1 }, true],
    [{ type: "ping", id: {} }, false],
    [{ type: "commit" }, true],
    [{ type: "done", segments: 1, words: 2, duration: 3.5 }, true],
  ])("says of %j what the server says", (message, fits) => {
    const validate = ajv.compile(asyncApi.components.messages[message.type].payload);
    expect(validate(message)).toBe(fits);
    expect(z.union([clientMessageSchema, serverMessageSchema]).safeParse(message).success).toBe(fits);
  });
});
