// The caption outputs' routes for the OpenAPI document: events, a WebSocket, HLS, and the overlay's page.
import { CAPTIONS_PATH } from "../protocol/limits.ts";

const OUTPUT = {
  name: "output",
  in: "path",
  required: true,
  schema: { type: "string" },
  description: "The output's name in the server's configuration",
};
const LANGUAGE = {
  name: "target",
  in: "path",
  required: true,
  schema: { type: "string" },
  description: "Language tag",
};
const LAST_ID = { type: "integer", minimum: 0 };

function query(name: string, description: string, schema: object = { type: "string" }): object {
  return { name, in: "query", schema, description };
}

const ONE_TARGET = query("target", "The only language; all that the output has without it");

/** What the pieces of these routes' answers are made with, as the document has them. */
interface DocumentParts {
  /** Who must show a key. */
  security: object;
  /** The errors of a status, or of the codes of one. */
  problem(status: number): object;
  refusals(...codes: ("unauthorized" | "overloaded")[]): object;
}

/** Paths of the document. Where an output is `public`, no key is asked for. */
export function captionPaths({ security, problem, refusals }: DocumentParts): Record<string, object> {
  const base = `${CAPTIONS_PATH}{output}`;
  const event = { $ref: "#/components/schemas/CaptionEvent" };
  const refused = { ...refusals("unauthorized"), ...problem(404) };
  const file = (description: string, type: string) => ({
    200: { description, content: { [type]: { schema: { type: "string" } } } },
    ...refused,
  });
  return {
    [`${base}/events`]: {
      get: {
        operationId: "captionEvents",
        summary: "Captions as server-sent events; the data of each is a CaptionEvent, its event's name is its type",
        security,
        parameters: [
          OUTPUT,
          ONE_TARGET,
          {
            name: "Last-Event-ID",
            in: "header",
            schema: LAST_ID,
            description: "The last `id` that was had: what was missed since, up to 50 captions, is sent again",
          },
        ],
        responses: {
          200: {
            description: "Events, for as long as the connection lasts",
            content: { "text/event-stream": { schema: event } },
          },
          ...refused,
          ...refusals("overloaded"),
        },
      },
    },
    [`${base}/socket`]: {
      get: {
        operationId: "captionSocket",
        summary: "Captions over a WebSocket: each text frame is a CaptionFrame; what a viewer sends is not read",
        security,
        parameters: [OUTPUT, ONE_TARGET, query("after", "The last `id` that was had", LAST_ID)],
        responses: { 101: { description: "The socket is open" }, ...refused, ...problem(426) },
      },
    },
    [`${base}/hls/{target}/playlist.m3u8`]: {
      get: {
        operationId: "captionPlaylist",
        summary: "A media playlist of WebVTT segments, for a video's master playlist",
        security,
        parameters: [OUTPUT, LANGUAGE],
        responses: file("The playlist, with a sliding window", "application/vnd.apple.mpegurl"),
      },
    },
    [`${base}/hls/{target}/{segment}.vtt`]: {
      get: {
        operationId: "captionSegment",
        summary: "A WebVTT segment, as the playlist names it",
        security,
        parameters: [
          OUTPUT,
          LANGUAGE,
          {
            name: "segment",
            in: "path",
            required: true,
            schema: { type: "integer", minimum: 0 },
            description: "Its number",
          },
        ],
        responses: file("The segment, with its X-TIMESTAMP-MAP", "text/vtt"),
      },
    },
    "/overlay": {
      get: {
        operationId: "overlay",
        summary: "A page of captions to lay over a picture, as OBS shows it; its looks are in the query",
        parameters: OVERLAY_QUERY,
        responses: { 200: { description: "The page", content: { "text/html": { schema: { type: "string" } } } } },
      },
    },
  };
}

const OVERLAY_QUERY = [
  query("output", "The caption output that it shows"),
  query("room", "The room that it shows, in the place of an output"),
  ONE_TARGET,
  query("rows", "The most lines", { type: "integer", minimum: 1 }),
  query("size", "Of the letters, in pixels", { type: "number" }),
  query("safe", "Free edge, in per cent of the picture", { type: "number" }),
  query("width", "Of the lines at most, in per cent of the picture", { type: "number" }),
  query("color", "Of the letters, as in CSS; `#` may be left out"),
  query("background", "Behind the letters, as in CSS"),
  query("font", "As in CSS"),
  query("align", "Where lines stand", { type: "string", enum: ["left", "center", "right"] }),
  query("position", "Where the captions stand", { type: "string", enum: ["top", "bottom"] }),
  query("key", "Where the output is not public"),
  query("hold", "Seconds until the captions go when nothing is said; 0: never", { type: "number", minimum: 0 }),
];
