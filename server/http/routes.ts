// Every route of the server.
import type { BundleManifest } from "../../models/manifest.ts";
import type { Caller, Holder, TokenScope } from "../admission/caller.ts";
import type { Metrics } from "../metrics.ts";
import { type ErrorCode, isRefusal } from "../protocol/close-codes.ts";
import type { CuesResponse } from "../protocol/cues-response.ts";
import { DEVICE_PATH } from "../protocol/device-index.ts";
import type { ModelListing } from "../protocol/http-messages.ts";
import { BODY_MAX_BYTES, ROOMS_PATH, STREAM_PATH, SUBPROTOCOL } from "../protocol/limits.ts";
import type { ServedPair } from "../protocol/pairs.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { roomNameSchema } from "../protocol/room-messages.ts";
import { type TokenResponse, tokenRequestSchema } from "../protocol/token-request.ts";
import { ASYNCAPI_PATH, OPENAPI_PATH } from "./api-info.ts";
import { asyncApiDocument } from "./asyncapi.ts";
import type { DeviceFiles } from "./device-files.ts";
import { parseJsonBody } from "./json-body.ts";
import { openApiDocument } from "./openapi.ts";
import type { Page } from "./page.ts";
import type { HttpRequest } from "./request.ts";
import { type HttpResponse, respond, respondError, respondJson, respondProblem, respondText } from "./response.ts";
import { Router } from "./router.ts";
import { type TranslateRouteOptions, translateRoute } from "./translate-route.ts";

/** What is served now. */
interface Served {
  readonly models: readonly ServedPair[];
  readonly manifests: readonly BundleManifest[];
}

export interface RouteOptions extends Omit<TranslateRouteOptions, "pairs"> {
  catalogue: Served;
  metrics: Metrics;
  page: Page;
  /** What visitors' own devices get; undefined where they get nothing. */
  device?: DeviceFiles | undefined;
  /** Why nothing new can be served now: the server drains, or its engine is down. */
  unready(): ProtocolError | undefined;
  /** Who asks for a translation. Throws ProtocolError where they may not. */
  identify(request: HttpRequest): Caller;
  /** Throws ProtocolError where the caller may not have so much translated now. */
  charge(caller: Caller, texts: readonly string[]): void;
  /** Makes a token; absent where the server needs no keys. */
  issueToken?: (holder: Holder, seconds: number, scope: TokenScope) => string;
  /** Who asks, where a token will do as well as a key. Throws ProtocolError where they may not. */
  admit(request: HttpRequest): Caller;
  /** The cues of a caption file, whatever its format. Throws ProtocolError where it cannot be read. */
  readCues(bytes: Uint8Array): CuesResponse;
  /** Answers for a room; absent where there are none. Throws ProtocolError where the caller may not know. */
  room?: (request: HttpRequest) => HttpResponse;
  onFault(error: unknown, path: string): void;
}

/** Below them are the pages of rooms. */
const LIVE_PATH = "/live/";
const SPEAK_PATH = "/speak/";
const CUES_PATH = "/v1/cues";
const TOKEN_PATH = "/v1/token";
const TRANSLATE_PATH = "/v1/translate";

export function makeRouter(options: RouteOptions): Router {
  const { metrics, page, catalogue, device } = options;
  const translate = translateRoute({ ...options, pairs: () => catalogue.models });
  const onError = (code: ErrorCode, path: string): void => {
    metrics.errorSent(code);
    if (path === TRANSLATE_PATH && isRefusal(code)) metrics.rejected(code);
  };
  const openApi = openApiDocument();
  const asyncApi = asyncApiDocument();
  const router = new Router(options.onFault, onError);
  if (device !== undefined) router.add("GET", `${DEVICE_PATH}*`, (request) => device.respond(request));
  return router
    .add("GET", "/", (request) => page.index(request))
    .add("GET", "/overlay", (request) => page.overlay(request))
    .add("GET", `${LIVE_PATH}*`, (request) => roomPage(request, LIVE_PATH, () => page.live(request)))
    .add("GET", `${SPEAK_PATH}*`, (request) => roomPage(request, SPEAK_PATH, () => page.speak(request)))
    .add("GET", "/assets/*", (request) => page.asset(request))
    .add("GET", "/service-worker.js", (request) => page.serviceWorker(request))
    .add("GET", "/v1/models", () => {
      const onDevice = device !== undefined;
      const models = catalogue.manifests.map((manifest) => ({ ...describeModel(manifest), onDevice }));
      return respondJson(200, { protocol: SUBPROTOCOL, models });
    })
    .add("POST", TRANSLATE_PATH, (request) => {
      const unready = options.unready();
      if (unready !== undefined) throw unready;
      const caller = options.identify(request);
      return translate(request, (texts) => options.charge(caller, texts));
    })
    .add("POST", CUES_PATH, (request) => {
      options.charge(options.admit(request), []);
      if (request.body === undefined) throw new ProtocolError("too_large", `a file may have ${BODY_MAX_BYTES} bytes`);
      return respondJson(200, options.readCues(request.body));
    })
    .add("POST", TOKEN_PATH, (request) => {
      if (options.issueToken === undefined) return respondProblem(404, "this server needs no key, and gives no tokens");
      const { holder } = options.identify(request);
      const asked = (request.body?.byteLength ?? 1) === 0 ? {} : parseJsonBody(request, tokenRequestSchema);
      const { seconds, ...scope } = tokenRequestSchema.parse(asked);
      if (holder === undefined) throw new ProtocolError("unauthorized", "a token is made for a key");
      return respondJson(200, { token: options.issueToken(holder, seconds, scope), seconds } satisfies TokenResponse);
    })
    .add("GET", OPENAPI_PATH, () => respondJson(200, openApi))
    .add("GET", ASYNCAPI_PATH, () => respondJson(200, asyncApi))
    .add("GET", STREAM_PATH, () => {
      const headers = { upgrade: "websocket" };
      return respondProblem(426, `this is a WebSocket: connect with the subprotocol ${SUBPROTOCOL}`, headers);
    })
    .add("GET", `${ROOMS_PATH}*`, (request) => {
      return options.room?.(request) ?? respondProblem(404, "this server has no rooms");
    })
    .add("GET", "/livez", () => respondText(200, "ok\n"))
    .add("GET", "/readyz", () => {
      const unready = options.unready();
      if (unready === undefined) return respondText(200, "ok\n");
      // What a probe came to ask is no error: it would count once a second.
      return { ...respondError(unready, 503), error: undefined };
    })
    .add("GET", "/metrics", async () => respond(200, metrics.contentType, await metrics.text()));
}

/** A page of a room that may be. */
function roomPage({ path }: HttpRequest, below: string, page: () => HttpResponse): HttpResponse {
  const name = roomNameSchema.safeParse(path.slice(below.length));
  return name.success ? page() : respondProblem(404, `a room's name ${name.error.issues[0].message}`);
}

/** A model as `GET /v1/models` and `souffleur models --json` show it. */
export function describeModel(manifest: BundleManifest): ModelListing {
  const { name, source, target, lags, precision, architecture, limits, quality, licence, attributions } = manifest;
  const { placeholders, tags } = manifest;
  return {
    name,
    source,
    target,
    wait: lags,
    precision,
    parameters: architecture.parameters,
    limits,
    placeholders: placeholders?.kinds ?? [],
    formality: Object.keys(tags?.formality ?? {}),
    quality,
    licence,
    attributions,
  };
}
