// Every setting of the server, each one entry: its values, its default, what it means, and what happens past it.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { describeSettings, duration, list, oneOf, settingTexts, text, wholeNumber } from "./setting.ts";

/** The package's own folder, from its sources and from dist/ alike. */
export const PACKAGE_ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

/** What translates where no other bundle is named. */
export const DEFAULT_BUNDLE = join(PACKAGE_ROOT, "models", "en-de");
/** The bundles that come with the package. */
export const SHIPPED_BUNDLES = [DEFAULT_BUNDLE, join(PACKAGE_ROOT, "models", "en-fr")];

const PROVIDER_SETTINGS = ["auto", "cpu", "webgpu", "cuda"] as const;
/** What inference threads compute on. */
export type ProviderSetting = (typeof PROVIDER_SETTINGS)[number];

/** All that is kept must find room in the outbox (1 MB) of the connection that resumes. */
const RESUME_KEPT_MAX_BYTES = 512 * 1024;

/** An entry here is a flag, a variable, a field of the configuration file and a row of docs/operating.md. */
export const serverSettingsSchema = z.strictObject({
  port: wholeNumber(0, 65_535)
    .default(8080)
    .register(settingTexts, {
      meaning: "TCP port to listen on; 0 takes a free one",
      past: "a port that is taken ends the start with exit code 1",
      value: "number",
      flag: "-p, --port",
      env: ["PORT"],
    }),
  host: text("must be an address, such as 127.0.0.1 or 0.0.0.0").default("127.0.0.1").register(settingTexts, {
    meaning:
      "address to listen on: only this machine can connect unless it is changed; `0.0.0.0` for all, as in a container",
    past: "an address that this machine does not have ends the start with exit code 1",
    value: "address",
  }),
  bundles: list("must be a list of folders")
    .min(1, "must name at least one bundle's folder")
    .default([...SHIPPED_BUNDLES])
    .register(settingTexts, {
      meaning: "folders of the bundles to serve, one model each; of several for one pair the first is the default",
      past: "a pair of none of them is refused with `unsupported_pair`",
      value: "dir...",
      flag: "-b, --bundle",
      byDefault: "the package's `models/en-de` and `models/en-fr`",
    }),
  workers: wholeNumber(1, 1024).optional().register(settingTexts, {
    meaning: "inference threads",
    past: "segments wait for a thread; `souffleur_queue_depth` and the word latency grow",
    value: "number",
    flag: "-w, --workers",
    byDefault: "one for each core but one, at least 1",
  }),
  provider: oneOf(PROVIDER_SETTINGS).default("cpu").register(settingTexts, {
    meaning:
      "what threads compute on: `cpu`, `webgpu`, `cuda`, or `auto`: `cuda` where it is, else `webgpu` on a real GPU, else `cpu`",
    past: "one asked for that cannot be used ends the start with exit code 1; one lost leaves the CPU",
    value: "name",
  }),
  transport: oneOf(["auto", "uws", "ws"]).default("auto").register(settingTexts, {
    meaning:
      "what carries the streams: `uws` (native), `ws` (Node's own HTTP server), or `auto`: `uws` where its binary loads, else `ws`",
    past: "`uws` where its binary does not load ends the start with exit code 1",
    value: "name",
  }),
  stepDeadlineMs: duration({ least: 100 }).default(10_000).register(settingTexts, {
    meaning: "how long an inference thread that has work may answer nothing",
    past: "it counts as hung: another takes its place, and its open segments are run again there",
    value: "duration",
  }),
  keyFile: text("must be a file").optional().register(settingTexts, {
    meaning:
      "file of the API keys, made by `souffleur keys` and read again when it changes; none: anyone may use the server",
    past: "a caller without one of its keys gets `unauthorized`, 401 or close 1008",
    value: "file",
    byDefault: "none",
  }),
  captionOutputs: text("must be a file").optional().register(settingTexts, {
    meaning: "file of the caption outputs (docs/captions.md), read when the server starts",
    past: "a `start` that names an output which is not in it is refused with `bad_request`",
    value: "file",
    byDefault: "none",
  }),
  rooms: z.boolean("must be true or false").default(true).register(settingTexts, {
    meaning: "whether streams may speak in rooms, whose viewers read along (docs/captions.md)",
    past: "a `start` that names a room is refused with `bad_request`, and so are viewers",
    value: "boolean",
  }),
  roomsPublic: z.boolean("must be true or false").default(true).register(settingTexts, {
    meaning: "whether viewers of rooms need no key, where the server has keys",
    past: "a viewer without a key or token gets `unauthorized`, close 1008",
    value: "boolean",
  }),
  roomViewers: wholeNumber(1, 1_000_000).default(15_000).register(settingTexts, {
    meaning: "viewers of all rooms at once",
    past: "the next is refused with `overloaded`, close 1013, retry after 5 s",
    value: "number",
  }),
  roomLines: wholeNumber(1, 1_000).default(50).register(settingTexts, {
    meaning: "finished segments of each language of a room that are kept, for who comes late or comes again",
    past: "older ones are forgotten",
    value: "number",
  }),
  roomKeepMs: duration().default(600_000).register(settingTexts, {
    meaning: "how long a room without viewers is kept after its speaker has left",
    past: "its lines are forgotten, and any key may speak there",
    value: "duration",
  }),
  nats: text("must be an address, such as nats://localhost:4222")
    .regex(
      /^(nats|tls):\/\/[^\s,]+(,(nats|tls):\/\/[^\s,]+)*$/,
      "must be an address, such as nats://localhost:4222, or several separated by commas",
    )
    .optional()
    .register(settingTexts, {
      meaning:
        "NATS server through which servers share their rooms; several addresses separated by commas, a name and a password before the host",
      past: "while it cannot be reached each server has the rooms of its own speakers, and the log says so",
      value: "url",
      byDefault: "none",
      secret: true,
    }),
  keyInQuery: z.boolean("must be true or false").default(false).register(settingTexts, {
    meaning: "whether a key may come as `?key=` too, as bare browsers need; proxies write URLs to their logs",
    past: "a key in the query is refused with `unauthorized`",
    value: "boolean",
  }),
  tokenSecretFile: text("must be a file").optional().register(settingTexts, {
    meaning:
      "file of 32 or more secret bytes that sign browsers' tokens (`POST /v1/token`), the same for all servers behind one address; none: a secret of this process",
    past: "tokens of another secret get `unauthorized`, close 1008",
    value: "file",
    byDefault: "none",
  }),
  allowedOrigins: z
    .array(z.string().regex(/^[a-z][a-z0-9+.-]*:\/\/[^/]+$/, "must be an origin, such as https://example.org"))
    .default([])
    .register(settingTexts, {
      meaning: "origins whose pages may use the server, such as `https://example.org`; none: all may",
      past: "pages of other origins get `forbidden_origin`, 403 or close 1008",
      value: "origin...",
      byDefault: "none",
    }),
  trustedProxies: wholeNumber(0, 10).default(0).register(settingTexts, {
    meaning: "proxies in front of the server that append to `X-Forwarded-For`; 0: the header is not read",
    past: "the address of the next proxy counts as the client's",
    value: "number",
  }),
  keyWordsPerMinute: wholeNumber(0, 1_000_000_000).default(0).register(settingTexts, {
    meaning: "source words a minute of each API key, as many at once after a pause; 0: no limit",
    past: "the text is not taken: `rate_limited` with `retryAfter`, 429",
    value: "number",
  }),
  keyMessagesPerSecond: wholeNumber(0, 1_000_000_000).default(0).register(settingTexts, {
    meaning: "messages a second of each API key, ten seconds' worth at once; a request counts as one; 0: no limit",
    past: "the message is not taken: `rate_limited` with `retryAfter`, 429",
    value: "number",
  }),
  keySessionsPerMinute: wholeNumber(0, 1_000_000_000).default(0).register(settingTexts, {
    meaning: "new streams a minute of each API key, as many at once; 0: no limit",
    past: "the stream is refused with `rate_limited`, close 1013",
    value: "number",
  }),
  keySessions: wholeNumber(0, 1_000_000_000).default(0).register(settingTexts, {
    meaning: "open streams of each API key; 0: no limit",
    past: "the next is refused with `rate_limited`, close 1013",
    value: "number",
  }),
  addressWordsPerMinute: wholeNumber(0, 1_000_000_000).default(0).register(settingTexts, {
    meaning: "source words a minute of each address (an IPv6 /64), as many at once after a pause; 0: no limit",
    past: "the text is not taken: `rate_limited` with `retryAfter`, 429",
    value: "number",
  }),
  addressMessagesPerSecond: wholeNumber(0, 1_000_000_000).default(0).register(settingTexts, {
    meaning:
      "messages a second of each address (an IPv6 /64), ten seconds' worth at once; a request counts as one; 0: no limit",
    past: "the message is not taken: `rate_limited` with `retryAfter`, 429",
    value: "number",
  }),
  addressSessionsPerMinute: wholeNumber(0, 1_000_000_000).default(0).register(settingTexts, {
    meaning: "new streams a minute of each address (an IPv6 /64), as many at once; 0: no limit",
    past: "the stream is refused with `rate_limited`, close 1013",
    value: "number",
  }),
  addressSessions: wholeNumber(0, 1_000_000_000).default(0).register(settingTexts, {
    meaning: "open streams of each address (an IPv6 /64); 0: no limit",
    past: "the next is refused with `rate_limited`, close 1013",
    value: "number",
  }),
  addressViewers: wholeNumber(0, 1_000_000_000).default(0).register(settingTexts, {
    meaning:
      "viewers of rooms of each address (an IPv6 /64) at once; 0: no limit. A hall full of people may have one address",
    past: "the next is refused with `rate_limited`, close 1013",
    value: "number",
  }),
  overloadLatencyMs: duration().default(500).register(settingTexts, {
    meaning:
      "how long words may take through the engine now, on average over the last seconds; 0: as long as they like",
    past: "new streams and requests are refused with `overloaded` and `retryAfter`; open streams go on",
    value: "duration",
  }),
  maxSessions: wholeNumber(1, 1_000_000).default(20_000).register(settingTexts, {
    meaning: "open connections at once",
    past: "the next is refused with `overloaded`, close 1013, retry after 5 s; `/readyz` stays 200",
    value: "number",
  }),
  maxTranslations: wholeNumber(1, 10_000).default(64).register(settingTexts, {
    meaning: "texts of `POST /v1/translate` in the engine at once",
    past: "the other texts of a request wait; new requests are refused with `overloaded`, 503",
    value: "number",
  }),
  idleTimeoutMs: duration().default(300_000).register(settingTexts, {
    meaning: "how long a stream may send nothing while nothing is owed to it; 0: for ever",
    past: "it is closed with `idle_timeout`, close 1008",
    value: "duration",
  }),
  resumeGraceMs: duration().default(30_000).register(settingTexts, {
    meaning: "how long a stream that was started with `resume` outlives its connection; 0: no stream does",
    past: "the stream ends; who comes to resume it gets `resume_failed`",
    value: "duration",
  }),
  resumeKeptBytes: wholeNumber(1_024, RESUME_KEPT_MAX_BYTES)
    .default(256 * 1024)
    .register(settingTexts, {
      meaning: "bytes of messages kept for the client of such a stream until it says that it has them",
      past: "the oldest are dropped; a client that lacks one of them gets `resume_failed`",
      value: "number",
    }),
  keepAliveMs: duration({ least: 1000 }).default(60_000).register(settingTexts, {
    meaning: "how long a connection's peer may leave a ping unanswered",
    past: "the connection is cut, close 1006",
    value: "duration",
  }),
  closeTimeoutMs: duration().default(5000).register(settingTexts, {
    meaning: "how long a closing handshake may take",
    past: "the connection is cut",
    value: "duration",
  }),
  drainTimeoutMs: duration().default(20_000).register(settingTexts, {
    meaning: "how long open segments may take to finish on SIGTERM",
    past: "streams are closed as they are, close 1001, and the log says how many",
    value: "duration",
  }),
  logLevel: oneOf(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
    .default("info")
    .register(settingTexts, {
      meaning:
        "what goes to the log, on standard error: `fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`",
      past: "lines of a lesser level are not written",
      value: "level",
    }),
  traceEndpoint: z
    .url({ protocol: /^https?$/, error: "must be a URL, such as http://localhost:4318" })
    .optional()
    .register(settingTexts, {
      meaning: "OpenTelemetry collector that takes OTLP over HTTP; `/v1/traces` is added. Without it nothing is traced",
      past: "while it does not answer spans are dropped, and the log says so",
      value: "url",
      env: ["OTEL_EXPORTER_OTLP_ENDPOINT"],
      byDefault: "none",
    }),
  traceHeaders: text("must be name=value, several separated by commas")
    .optional()
    .register(settingTexts, {
      meaning: "headers for the collector: `name=value`, several separated by commas",
      past: "a collector that wants others refuses the spans, and the log says so",
      value: "headers",
      env: ["OTEL_EXPORTER_OTLP_HEADERS"],
      byDefault: "none",
      secret: true,
    }),
  traceRatio: z
    .number("must be a number from 0 to 1")
    .min(0, "must be a number from 0 to 1")
    .max(1, "must be a number from 0 to 1")
    .default(1)
    .register(settingTexts, {
      meaning: "share of the sessions that are traced",
      past: "the others leave no span",
      value: "number",
      env: ["OTEL_TRACES_SAMPLER_ARG"],
    }),
  traceService: text("must be a name")
    .default("souffleur")
    .register(settingTexts, {
      meaning: "`service.name` of the traces",
      past: "servers of one name are shown together",
      value: "name",
      env: ["OTEL_SERVICE_NAME"],
    }),
  pageDirectory: text("must be a folder")
    .default(join(PACKAGE_ROOT, "server", "page"))
    .register(settingTexts, {
      meaning: "folder of the live page's files",
      past: "without an `index.html` there `/` is 404",
      value: "dir",
      byDefault: "the package's `server/page`",
    }),
  onDevice: oneOf(["auto", "always", "never"]).default("auto").register(settingTexts, {
    meaning:
      "whether the live page may take the bundles and translate on the visitor's device: `always`, `never`, or `auto`: where no key is asked for",
    past: "where it may not, the page has no switch for it and `/device/` is 404",
    value: "when",
  }),
});

/** Every setting with its names and texts. */
export const SERVER_SETTINGS = describeSettings(serverSettingsSchema.shape);

/** Settings as they are given: every one may be left out. */
export type ServerSettings = z.input<typeof serverSettingsSchema>;
export type ResolvedServerSettings = z.output<typeof serverSettingsSchema>;

/** A setting that cannot be used; the message names it, where it comes from, and what to do. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** Fills in the defaults. Throws SettingsError naming the setting. */
export function resolveSettings(settings: ServerSettings): ResolvedServerSettings {
  const parsed = serverSettingsSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SettingsError(`${issue.path.join(".")} ${issue.message}`.trim());
}

function findRoot(from: string): string {
  if (existsSync(join(from, "package.json"))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error("the package's own package.json cannot be found");
  return findRoot(parent);
}
