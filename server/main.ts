// Puts the server together: bundles, engine, streams, HTTP, transport; and takes it down without losing a word.
import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { type Bundle, loadBundle } from "../models/bundle.ts";
import { Admission } from "./admission/admission.ts";
import { KeyFileError } from "./admission/api-keys.ts";
import type { Caller, CredentialVerifier, Shown } from "./admission/caller.ts";
import { isLoopback } from "./admission/client-address.ts";
import { KeyFile } from "./admission/key-file.ts";
import { LoadGauge } from "./admission/load-gauge.ts";
import { Tokens } from "./admission/tokens.ts";
import { Visit } from "./admission/visit.ts";
import { decodeCaptionFile, readCaptions } from "./captions/files/caption-file.ts";
import { CaptionFileError } from "./captions/files/cue.ts";
import { CaptionOutputs } from "./captions/outputs/caption-outputs.ts";
import { wallClock } from "./captions/outputs/caption-sink.ts";
import { type OutputSettings, OutputsFileError, readOutputsFile } from "./captions/outputs/outputs-file.ts";
import { Catalogue } from "./catalogue.ts";
import type { Engine, StepStats } from "./engine/engine.ts";
import type { EngineObserver } from "./engine/engine-observer.ts";
import { ReloadableEngine } from "./engine/reloadable-engine.ts";
import { WorkerEngine } from "./engine/worker-engine.ts";
import { DeviceFiles } from "./http/device-files.ts";
import { Page } from "./http/page.ts";
import { shownBy } from "./http/request.ts";
import { makeRouter } from "./http/routes.ts";
import { describeFault, makeLog } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { isRefusal } from "./protocol/close-codes.ts";
import type { CuesResponse } from "./protocol/cues-response.ts";
import { BODY_MAX_BYTES, CAPTIONS_PATH, ROOMS_PATH, STREAM_PATH } from "./protocol/limits.ts";
import { ProtocolError } from "./protocol/protocol-error.ts";
import { NatsRelay } from "./rooms/nats-relay.ts";
import { Rooms } from "./rooms/rooms.ts";
import { askedTargets } from "./session/asked-target.ts";
import { SessionRunner } from "./session/session-runner.ts";
import { DEFAULT_SESSION_LIMITS } from "./session/session-settings.ts";
import type { SessionTarget } from "./session/session-target.ts";
import { TranslateError, translateWith } from "./session/translate.ts";
import {
  PACKAGE_ROOT,
  type ResolvedServerSettings,
  resolveSettings,
  type ServerSettings,
  SettingsError,
} from "./settings.ts";
import { Tracing } from "./tracing.ts";
import { chooseTransport } from "./transport/choose-transport.ts";
import { Resumables } from "./transport/resumables.ts";
import { StreamGroup } from "./transport/stream-group.ts";
import type { StreamHost } from "./transport/stream-host.ts";
import { DEFAULT_TRANSPORT_SETTINGS } from "./transport/transport.ts";

const OPEN_WARNING = "anyone who reaches this address can use the server: give it a key file, or keep others out";

export interface RunningServer {
  host: string;
  port: number;
  transport: "uws" | "ws" | "memory";
  /** Where the live page is; the stream and the metrics are beside it. */
  url: string;
  streamUrl: string;
  metricsUrl: string;
  /** Models that are served. */
  readonly models: readonly string[];
  /**
   * Reads the bundles and the key file again. New streams take the new bundles, open ones end on the old; where something
   * cannot be used all stays as it was, and the log says why. Never rejects.
   */
  reload(): Promise<void>;
  /**
   * Takes no new streams, commits and finishes open segments within `drainTimeoutMs`, closes all streams with 1001, and
   * stops. Calls after the first wait for the same end.
   */
  close(): Promise<void>;
}

/** What a test puts in the place of the real parts. */
export interface ServerParts {
  bundles?: readonly Bundle[];
  startEngine?(bundles: readonly Bundle[], observer: EngineObserver): Promise<Engine>;
  log?: Logger;
}

/**
 * Starts a server; resolves when it takes streams.
 * @throws SettingsError, BundleError where a bundle does not load, Error where the port cannot be had
 */
export async function startServer(given: ServerSettings = {}, parts: ServerParts = {}): Promise<RunningServer> {
  const settings = resolveSettings(given);
  const log = parts.log ?? makeLog(settings.logLevel);
  const onStep: { call?: (stats: StepStats) => void } = {};
  const load = async () => parts.bundles ?? (await Promise.all(settings.bundles.map(loadBundle)));
  const start = (bundles: readonly Bundle[]) =>
    (parts.startEngine ?? startWorkers(settings))(bundles, observe(log, onStep));
  const bundles = await load();
  const catalogue = new Catalogue(bundles);
  const engine = new ReloadableEngine(await start(bundles));
  const reload = async (): Promise<void> => {
    const next = await load();
    const checked = new Catalogue(next);
    engine.replace(await start(next));
    catalogue.replace(next);
    log.info({ models: checked.names }, "the bundles were read again");
  };
  try {
    const { server, stepped } = await serve(settings, { catalogue, engine, reload, log });
    onStep.call = stepped;
    return server;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

function startWorkers(settings: ResolvedServerSettings) {
  return (bundles: readonly Bundle[], observer: EngineObserver): Promise<Engine> =>
    WorkerEngine.start({
      bundles: [...bundles],
      workers: settings.workers,
      stepDeadlineMs: settings.stepDeadlineMs,
      provider: settings.provider,
      observer,
    });
}

/** The engine is observed before there are metrics: its steps go to them once there are. */
function observe(log: Logger, onStep: { call?: (stats: StepStats) => void }): EngineObserver {
  return {
    step: (stats) => onStep.call?.(stats),
    workerDown: (event) => log.error(event, "an inference worker is down"),
    workerUp: (event) => log.info(event, "an inference worker is up"),
    providerLost: (event) => log.error(event, "a GPU was lost: its sessions go on on the CPU"),
  };
}

/** What serves. */
interface Serving {
  catalogue: Catalogue;
  engine: Engine;
  /** Reads the bundles again. Rejects, with nothing changed, where they cannot be used. */
  reload(): Promise<void>;
  log: Logger;
}

async function serve(settings: ResolvedServerSettings, { catalogue, engine, reload, log }: Serving) {
  const keyFile = openKeyFile(settings, log);
  const tokens = keyFile === undefined ? undefined : makeTokens(settings);
  const verifiers = keyFile === undefined || tokens === undefined ? [] : [tokens, keyFile.keys];
  const admission = makeAdmission(settings, verifiers);
  const tracing = await startTracing(settings, log);
  const now = () => performance.now();
  const load = new LoadGauge();
  const tooLate = () => {
    const limitMs = settings.overloadLatencyMs;
    if (limitMs === 0 || load.valueMs(now()) <= limitMs) return undefined;
    return new ProtocolError("overloaded", "the server is late already", {
      retryAfter: load.retryAfter(limitMs, now()),
    });
  };
  let draining = false;
  const unready = () => {
    if (draining) return new ProtocolError("shutting_down", "the server is shutting down");
    if (!engine.ready) return new ProtocolError("overloaded", "the engine is starting again", { retryAfter: 1 });
    return undefined;
  };
  const metrics: Metrics = new Metrics({
    engine,
    backpressureBytes: () => streams.bufferedBytes,
    ready: () => unready() === undefined,
    maxSessions: settings.maxSessions,
    detachedSessions: () => resumables.waiting,
    rooms: {
      get live() {
        return rooms.live;
      },
      get viewers() {
        return rooms.viewers;
      },
      get natsUp() {
        return relay?.up ?? false;
      },
    },
  });
  const admit = (shown: Shown): Caller => {
    const caller = admission.meet(shown);
    if (admission.admits(caller)) return caller;
    throw new ProtocolError("unauthorized", "this server needs a key or a token");
  };
  const relay = settings.rooms && settings.nats !== undefined ? startRelay(settings.nats, log) : undefined;
  const rooms: Rooms = new Rooms({
    enabled: settings.rooms,
    maxViewers: settings.roomViewers,
    addressViewers: settings.addressViewers,
    keptLines: settings.roomLines,
    keepMs: settings.roomKeepMs,
    admit: (shown) => (settings.roomsPublic ? admission.meet(shown) : admit(shown)),
    publish: (topic, frame) => transport.publish(topic, frame),
    clock: wallClock,
    epoch: () => randomBytes(6).toString("base64url"),
    onDelivered: (viewers) => metrics.roomDelivered(viewers),
    onDropped: () => metrics.viewerDropped(),
    relay,
  });
  const outputs = new CaptionOutputs(readOutputs(settings), {
    count: (sink, status) => metrics.captionPosted(sink, status),
    onFault: (error, sink) => log.error({ sink: sink.kind, ...describeFault(error) }, "a fault in a caption sink"),
    admit: (shown) => admission.identify(shown),
  });
  const resumables = new Resumables({ graceMs: settings.resumeGraceMs, keptBytes: settings.resumeKeptBytes });
  const host: StreamHost = {
    get models() {
      return catalogue.models;
    },
    idleTimeoutMs: settings.idleTimeoutMs,
    textMaxCharacters: DEFAULT_SESSION_LIMITS.maxMessageCharacters,
    admit: (request) => {
      const full = streams.size >= settings.maxSessions;
      const refusal = full ? new ProtocolError("overloaded", "all streams are taken", { retryAfter: 5 }) : unready();
      const late = refusal ?? tooLate();
      // A stream that is open may always go on, so its client may come in; a server that goes away has none.
      if (late !== undefined && (draining || !resumables.mayHold)) throw late;
      return new Visit(admission, request, now, late);
    },
    openSession: (pairs, { timings, tentative, captions, room, caller, ...asked }, callbacks) => {
      const wanted = pairs.map(({ model, target }) => ({ bundle: catalogue.bundleOf(model), target }));
      const settings = { source: pairs[0].source, targets: askedTargets(wanted, asked), timings, tentative };
      const published = outputs.publishing(captions, callbacks);
      const speaker = { caller, source: pairs[0].source, targets: pairs.map(({ target }) => target) };
      try {
        return new SessionRunner({ settings, engine, now, ...rooms.publishing(room, speaker, published) });
      } catch (error) {
        published.aborted?.();
        throw error;
      }
    },
    resumables,
    sessionId: () => randomUUID(),
    now,
    onReady: (stream) => {
      metrics.sessionOpened();
      const trace = tracing?.opened(stream);
      log.info({ session: stream.id, pair: stream.pair, trace }, "session opened");
    },
    onMeasure: (pair, measure, message, stream) => {
      metrics.measured(pair, measure);
      if (message.type === "delta" || message.type === "final") tracing?.measured(stream, message, measure);
    },
    onError: (code, stream) => {
      metrics.errorSent(code);
      if (!stream.started && isRefusal(code)) metrics.rejected(code);
      if (code === "resume_failed") metrics.resumed("failed");
      log.debug({ session: stream.id, code }, "error sent");
    },
    onDetached: (stream) => log.info({ session: stream.id }, "session detached: its connection was lost"),
    onResumed: (stream) => {
      metrics.resumed("resumed");
      log.info({ session: stream.id }, "session resumed");
    },
    onDisconnected: (code) => metrics.disconnected(code),
    onNotice: (code) => metrics.noticed(code),
    onFault: (error, stream) => log.error({ session: stream.id, ...describeFault(error) }, "a fault ended a session"),
    onClosed: (stream, code) => {
      streams.delete(stream);
      if (!stream.started) return;
      metrics.sessionEnded(stream.outcome);
      tracing?.closed(stream, code);
      const { id, pair, outcome, words, segments, openMs } = stream;
      log.info({ session: id, pair, outcome, code, words, segments, openMs: Math.round(openMs) }, "session closed");
    },
  };
  const streams: StreamGroup = new StreamGroup(host);
  const page = await Page.read(settings.pageDirectory);
  const router = makeRouter({
    catalogue,
    metrics,
    page,
    device: await DeviceFiles.open({
      directory: join(PACKAGE_ROOT, "dist", "device"),
      enabled: settings.onDevice === "always" || (settings.onDevice === "auto" && keyFile === undefined),
      page,
      bundles: () => catalogue.bundles,
    }),
    maxConcurrent: settings.maxTranslations,
    unready,
    identify: (request) => {
      const late = tooLate();
      if (late !== undefined) throw late;
      return admission.identify(shownBy(request));
    },
    admit: (request) => admit(shownBy(request)),
    readCues,
    issueToken: tokens && ((holder, seconds, scope) => tokens.issue(holder, seconds, scope)),
    charge: (caller, texts) => admission.charge(caller, texts, now()),
    translate: ({ model, target }, text, asked, signal) => {
      const bundle = catalogue.bundleOf(model);
      const [place] = askedTargets([{ bundle, target }], asked);
      return translateText(engine, bundle.manifest.source, place, text, signal);
    },
    room: settings.rooms ? (request) => rooms.respond(request, shownBy(request)) : undefined,
    onFault: (error, path) => log.error({ path, ...describeFault(error) }, "a fault ended a request"),
  });
  router.add("GET", `${CAPTIONS_PATH}*`, (request) => outputs.respond(request, shownBy(request)));
  const transport = await chooseTransport(
    settings.transport,
    {
      connect: (connection, request) => streams.open(connection, request),
      watch: (connection, request) => {
        const watched = request.path.startsWith(ROOMS_PATH) ? rooms : outputs;
        return watched.watch(connection, request);
      },
      respond: (request) => router.respond(request),
    },
    {
      ...DEFAULT_TRANSPORT_SETTINGS,
      bodyMaxBytes: BODY_MAX_BYTES,
      keepAliveMs: settings.keepAliveMs,
      closeTimeoutMs: settings.closeTimeoutMs,
    },
    log,
  );
  const port = await transport.listen(settings.port, settings.host);
  streams.watch();
  keyFile?.watch();
  if (keyFile === undefined && !isLoopback(settings.host)) log.warn({ host: settings.host }, OPEN_WARNING);
  const origin = `//${urlHost(settings.host)}:${port}`;
  log.info({ host: settings.host, port, transport: transport.name, models: catalogue.names }, "serving");

  const stop = async (): Promise<void> => {
    draining = true;
    log.info({ sessions: streams.size, limitMs: settings.drainTimeoutMs }, "draining");
    const [left] = await Promise.all([streams.drain(settings.drainTimeoutMs), router.settled(settings.drainTimeoutMs)]);
    if (left > 0) log.warn({ sessions: left }, "sessions were closed before their segments were finished");
    await streams.gone(settings.closeTimeoutMs);
    await outputs.close();
    await rooms.close(settings.closeTimeoutMs);
    await relay?.close();
    await transport.close();
    keyFile?.close();
    await reloaded;
    await engine.close();
    await tracing?.close();
    log.info("stopped");
  };
  let stopped: Promise<void> | undefined;
  let reloaded: Promise<void> = Promise.resolve();
  const server: RunningServer = {
    host: settings.host,
    port,
    transport: transport.name,
    url: `http:${origin}/`,
    streamUrl: `ws:${origin}${STREAM_PATH}`,
    metricsUrl: `http:${origin}/metrics`,
    get models() {
      return catalogue.names;
    },
    reload: () => {
      reloaded = reloaded
        .then(async () => {
          keyFile?.reload();
          if (!draining) await reload();
        })
        .catch((error: unknown) => {
          const reason = error instanceof Error ? error.message : String(error);
          log.error({ reason }, "the bundles cannot be used: what was served is served on");
        });
      return reloaded;
    },
    close: () => {
      stopped ??= stop();
      return stopped;
    },
  };
  const stepped = (stats: StepStats): void => {
    metrics.step(stats);
    // What a row's word has gone through: the wait, the step, and the way back to this thread.
    const queueMs = stats.queueMs.reduce((sum, ms) => sum + ms, 0) / Math.max(1, stats.queueMs.length);
    load.record(queueMs + stats.batchMs + stats.computeMs + stats.deliverMs, now());
  };
  return { server, stepped };
}

/** Signs with the secret of the settings, or with one that ends with the process. Throws SettingsError. */
function makeTokens({ tokenSecretFile }: ResolvedServerSettings): Tokens {
  // The time of day as it was at the start, and monotonic since.
  const clock = () => performance.timeOrigin + performance.now();
  if (tokenSecretFile === undefined) return new Tokens(randomBytes(32), clock);
  try {
    return new Tokens(readFileSync(tokenSecretFile), clock);
  } catch (error) {
    throw new SettingsError(`tokenSecretFile: ${error instanceof Error ? error.message : "cannot be read"}`);
  }
}

function makeAdmission(settings: ResolvedServerSettings, verifiers: readonly CredentialVerifier[]): Admission {
  return new Admission({
    ...settings,
    verifiers,
    keyLimits: {
      wordsPerMinute: settings.keyWordsPerMinute,
      messagesPerSecond: settings.keyMessagesPerSecond,
      sessionsPerMinute: settings.keySessionsPerMinute,
      sessionsAtOnce: settings.keySessions,
    },
    addressLimits: {
      wordsPerMinute: settings.addressWordsPerMinute,
      messagesPerSecond: settings.addressMessagesPerSecond,
      sessionsPerMinute: settings.addressSessionsPerMinute,
      sessionsAtOnce: settings.addressSessions,
    },
  });
}

/** The caption outputs, where the settings name a file of them. Throws SettingsError where it cannot be used. */
function readOutputs({ captionOutputs }: ResolvedServerSettings): Record<string, OutputSettings> {
  if (captionOutputs === undefined) return {};
  try {
    return readOutputsFile(captionOutputs);
  } catch (error) {
    if (error instanceof OutputsFileError) throw new SettingsError(`captionOutputs: ${error.message}`);
    throw error;
  }
}

/** The keys, where the settings name a file of them. Throws SettingsError where it cannot be used. */
function openKeyFile({ keyFile }: ResolvedServerSettings, log: Logger): KeyFile | undefined {
  if (keyFile === undefined) return undefined;
  try {
    return new KeyFile(keyFile, {
      changed: (count) => log.info({ count }, "the key file was read again"),
      broken: (reason) => log.error({ reason }, "the key file cannot be used: the keys stay as they were"),
    });
  } catch (error) {
    if (error instanceof KeyFileError) throw new SettingsError(`keyFile: ${error.message}`);
    throw error;
  }
}

async function startTracing(settings: ResolvedServerSettings, log: Logger): Promise<Tracing | undefined> {
  const { traceEndpoint: endpoint, traceHeaders: headers, traceRatio: ratio, traceService: serviceName } = settings;
  return endpoint === undefined ? undefined : Tracing.start({ endpoint, headers, ratio, serviceName }, log);
}

/** The cues of a caption file. Throws ProtocolError `bad_request` that names the line. */
function readCues(bytes: Uint8Array): CuesResponse {
  try {
    const cues = readCaptions(decodeCaptionFile(bytes));
    return { cues: cues.map(({ start, end, lines }) => ({ start, end, text: lines.join(" ") })) };
  } catch (error) {
    if (error instanceof CaptionFileError) throw new ProtocolError("bad_request", error.message);
    throw error;
  }
}

function startRelay(servers: string, log: Logger): NatsRelay {
  return new NatsRelay({
    servers,
    onChange: (up, reason) => {
      if (up) log.info({ reason }, "rooms are shared over NATS");
      else log.warn({ reason }, "NATS cannot be reached: rooms are this server's own");
    },
    onFault: (error) => log.error(describeFault(error), "a fault in what NATS brought"),
  });
}

/** A whole text, with its failures in the protocol's terms. */
async function translateText(
  engine: Engine,
  source: string,
  target: SessionTarget,
  text: string,
  signal: AbortSignal,
): Promise<string> {
  try {
    return (await translateWith(engine, source, target, text, signal)).text;
  } catch (error) {
    if (error instanceof TranslateError) throw new ProtocolError(error.code, error.message);
    throw error;
  }
}

/** The address that a browser on this machine would use. */
function urlHost(host: string): string {
  if (host === "0.0.0.0" || host === "::" || host === "127.0.0.1" || host === "::1") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}
