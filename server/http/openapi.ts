// The HTTP routes as an OpenAPI 3.1 document, made from the schemas that parse their bodies.

import { captionEventSchema, captionFrameSchema } from "../protocol/caption-events.ts";
import { ERROR_RULES, type ErrorCode } from "../protocol/close-codes.ts";
import { cuesResponseSchema } from "../protocol/cues-response.ts";
import { errorBodySchema, modelsResponseSchema } from "../protocol/http-messages.ts";
import { ROOMS_PATH, STREAM_PATH, SUBPROTOCOL } from "../protocol/limits.ts";
import { roomNameSchema, roomResponseSchema } from "../protocol/room-messages.ts";
import { tokenRequestSchema, tokenResponseSchema } from "../protocol/token-request.ts";
import { translateRequestSchema, translateResponseSchema } from "../protocol/translate-request.ts";
import { API_INFO, ASYNCAPI_PATH, OPENAPI_PATH } from "./api-info.ts";
import { captionPaths } from "./caption-paths.ts";
import { jsonSchemaOf } from "./json-schema.ts";
import { STATUS_TEXT } from "./response.ts";

const TEXT = { "text/plain": { schema: { type: "string" } } };
const ANY_OBJECT = { "application/json": { schema: { type: "object" } } };

/** A JSON body whose schema is among the components. */
const json = (name: string) => ({ "application/json": { schema: { $ref: `#/components/schemas/${name}` } } });

const ok = (description: string, content: object) => ({ 200: { description, content } });

/** A route's errors, by status; codes of one status stand together. */
function refusals(...codes: ErrorCode[]): object {
  const statuses = [...new Set(codes.map((code) => ERROR_RULES[code].status))];
  return Object.fromEntries(
    statuses.map((status) => {
      const own = codes.filter((code) => ERROR_RULES[code].status === status);
      const description = own.map((code) => `\`${code}\`: ${ERROR_RULES[code].meaning}`).join("; ");
      return [status, { description, content: json("Error") }];
    }),
  );
}

const problem = (status: number) => ({ [status]: { description: STATUS_TEXT[status], content: json("Error") } });

/** The document that `GET /v1/openapi.json` serves. */
export function openApiDocument(): object {
  const key = [{}, { key: [] }];
  return {
    openapi: "3.1.0",
    info: { ...API_INFO, title: "Souffleur: HTTP" },
    paths: {
      "/v1/translate": {
        post: {
          operationId: "translate",
          summary: "Translates whole texts",
          security: key,
          requestBody: { required: true, content: json("TranslateRequest") },
          responses: {
            ...ok("The translations, in the order of the texts", json("TranslateResponse")),
            ...refusals("bad_request", "unauthorized", "forbidden_origin", "unsupported_pair", "too_large"),
            ...problem(415),
            ...refusals("rate_limited", "internal", "overloaded", "shutting_down"),
          },
        },
      },
      "/v1/cues": {
        post: {
          operationId: "cues",
          summary: "Reads a caption file: SRT, WebVTT or TTML",
          security: key,
          requestBody: {
            required: true,
            content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
          },
          responses: {
            ...ok("Its cues", json("Cues")),
            ...refusals("bad_request", "unauthorized", "forbidden_origin", "too_large", "rate_limited"),
          },
        },
      },
      "/v1/token": {
        post: {
          operationId: "token",
          summary: "Makes a short-lived token with which a browser opens streams",
          security: [{ key: [] }],
          requestBody: { required: false, content: json("TokenRequest") },
          responses: {
            ...ok("The token", json("TokenResponse")),
            ...refusals("bad_request", "unauthorized", "forbidden_origin"),
            ...problem(404),
            ...refusals("too_large", "internal", "overloaded"),
          },
        },
      },
      "/v1/models": {
        get: {
          operationId: "models",
          summary: "What is served",
          responses: ok("The models", json("Models")),
        },
      },
      [STREAM_PATH]: {
        get: {
          operationId: "stream",
          summary: `Opens a stream: a WebSocket with the subprotocol ${SUBPROTOCOL}, described by ${ASYNCAPI_PATH}`,
          security: key,
          responses: { 101: { description: "The stream is open" }, ...problem(400), ...problem(426) },
        },
      },
      [`${ROOMS_PATH}{room}`]: {
        get: {
          operationId: "room",
          summary: `What a room is now; as a WebSocket, what is said there, described by ${ASYNCAPI_PATH}`,
          security: key,
          parameters: [
            { name: "room", in: "path", required: true, schema: jsonSchemaOf(roomNameSchema, "draft-2020-12") },
          ],
          responses: {
            ...ok("The room, whether or not anybody is there", json("Room")),
            101: { description: "The viewer is let in" },
            ...refusals("unauthorized", "forbidden_origin"),
            ...problem(404),
          },
        },
      },
      ...captionPaths({ security: key, problem, refusals }),
      [OPENAPI_PATH]: {
        get: { operationId: "openapi", summary: "This document", responses: ok("OpenAPI 3.1", ANY_OBJECT) },
      },
      [ASYNCAPI_PATH]: {
        get: { operationId: "asyncapi", summary: "The stream's messages", responses: ok("AsyncAPI 3.0", ANY_OBJECT) },
      },
      "/livez": {
        get: { operationId: "livez", summary: "Whether the process serves", responses: ok("It does", TEXT) },
      },
      "/readyz": {
        get: {
          operationId: "readyz",
          summary: "Whether new streams are taken",
          responses: { ...ok("They are", TEXT), ...refusals("overloaded", "shutting_down") },
        },
      },
      "/metrics": {
        get: { operationId: "metrics", summary: "Prometheus's text format", responses: ok("The metrics", TEXT) },
      },
    },
    components: {
      schemas: {
        TranslateRequest: jsonSchemaOf(translateRequestSchema, "draft-2020-12"),
        TranslateResponse: jsonSchemaOf(translateResponseSchema, "draft-2020-12"),
        TokenRequest: jsonSchemaOf(tokenRequestSchema, "draft-2020-12"),
        TokenResponse: jsonSchemaOf(tokenResponseSchema, "draft-2020-12"),
        Cues: jsonSchemaOf(cuesResponseSchema, "draft-2020-12"),
        CaptionEvent: jsonSchemaOf(captionEventSchema, "draft-2020-12"),
        CaptionFrame: jsonSchemaOf(captionFrameSchema, "draft-2020-12"),
        Room: jsonSchemaOf(roomResponseSchema, "draft-2020-12"),
        Models: jsonSchemaOf(modelsResponseSchema, "draft-2020-12"),
        Error: jsonSchemaOf(errorBodySchema, "draft-2020-12"),
      },
      securitySchemes: {
        key: { type: "http", scheme: "bearer", description: "An API key, where the server needs one" },
      },
    },
  };
}
