// What the server counts, in Prometheus's terms: seconds, `_total`, few values to a label, never a session or an address.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Engine, StepStats } from "./engine/engine.ts";
import { CLOSE_CODES, ERROR_CODES, type ErrorCode, isRefusal } from "./protocol/close-codes.ts";
import type { NoticeMessage } from "./protocol/server-messages.ts";
import type { DeltaMeasure, FinalMeasure } from "./session/session-event.ts";

/** Half a millisecond to ten seconds. */
const SECONDS_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How a session ended: `end` was sent, the client left, a fatal error, or the server went away. */
export type SessionOutcome = (typeof OUTCOMES)[number];
const OUTCOMES = ["done", "left", "error", "drained"] as const;

const RESUME_RESULTS = ["resumed", "failed"] as const;

/** A close without a code, and a connection that was lost. */
const CODES_WITHOUT_FRAME = [1005, 1006];

/** What is read when the metrics are asked for. */
export interface MetricsSources {
  engine: Engine;
  /** Bytes that wait in all outboxes. */
  backpressureBytes(): number;
  /** Whether new streams are taken: what `/readyz` says. */
  ready(): boolean;
  /** Open streams at once at most. */
  maxSessions: number;
  /** Absent where there are no rooms. */
  rooms?: { readonly live: number; readonly viewers: number; readonly natsUp: boolean };
  /** Open streams without a connection. */
  detachedSessions(): number;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #pairCounter = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ["pair"], registers: [this.#registry] });
  readonly #pairSeconds = (name: string, help: string) =>
    new Histogram({ name, help, labelNames: ["pair"], buckets: SECONDS_BUCKETS, registers: [this.#registry] });

  readonly #sessions = new Gauge({ name: "souffleur_sessions", help: "Open sessions", registers: [this.#registry] });
  readonly #sessionsTotal = new Counter({
    name: "souffleur_sessions_total",
    help: "Sessions that ended, by how",
    labelNames: ["outcome"],
    registers: [this.#registry],
  });
  readonly #sourceWords = this.#pairCounter("souffleur_source_words_total", "Source words of finished segments");
  readonly #sourceTokens = this.#pairCounter("souffleur_source_tokens_total", "Source tokens of finished segments");
  readonly #targetTokens = this.#pairCounter("souffleur_target_tokens_total", "Target tokens of finished segments");
  readonly #wordLatency = this.#pairSeconds(
    "souffleur_word_latency_seconds",
    "A word's arrival to the frame it allowed being handed to the socket",
  );
  readonly #firstDelta = this.#pairSeconds(
    "souffleur_first_delta_seconds",
    "A segment's first word to its first delta",
  );
  readonly #final = this.#pairSeconds("souffleur_final_seconds", "What ended a segment to its final");
  readonly #lagging = new Histogram({
    name: "souffleur_average_lagging_words",
    help: "Average lagging of finished segments, in source words",
    labelNames: ["pair"],
    buckets: [0, 0.5, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 25],
    registers: [this.#registry],
  });
  readonly #stage = new Histogram({
    name: "souffleur_stage_seconds",
    help: "Where a step's time goes: a row's wait, choosing rows, the graph, and the way back to the socket thread",
    labelNames: ["stage"],
    buckets: SECONDS_BUCKETS,
    registers: [this.#registry],
  });
  readonly #batchSize = new Histogram({
    name: "souffleur_batch_size",
    help: "Rows in a step",
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers: [this.#registry],
  });
  readonly #rejected = new Counter({
    name: "souffleur_rejected_total",
    help: "Streams and requests that were refused, by error code",
    labelNames: ["reason"],
    registers: [this.#registry],
  });
  readonly #errors = new Counter({
    name: "souffleur_errors_total",
    help: "Errors sent to clients, by code",
    labelNames: ["code"],
    registers: [this.#registry],
  });
  readonly #captionPosts = new Counter({
    name: "souffleur_caption_posts_total",
    help: "Captions that were sent to a sink, tried again, or not sent, by kind of sink",
    labelNames: ["sink", "status"],
    registers: [this.#registry],
  });
  readonly #notices = new Counter({
    name: "souffleur_notices_total",
    help: "Notices sent to clients, by code: contradicted, a hypothesis says otherwise than what was read already",
    labelNames: ["code"],
    registers: [this.#registry],
  });
  readonly #disconnects = new Counter({
    name: "souffleur_disconnects_total",
    help: "Closed connections, by close code",
    labelNames: ["code"],
    registers: [this.#registry],
  });
  readonly #slowConsumers = new Counter({
    name: "souffleur_slow_consumers_total",
    help: "Connections closed because the client did not read",
    registers: [this.#registry],
  });

  readonly #roomFrames = new Counter({
    name: "souffleur_room_frames_total",
    help: "Frames sent to viewers of rooms: one for each message and viewer",
    registers: [this.#registry],
  });
  readonly #viewersDropped = new Counter({
    name: "souffleur_room_viewers_dropped_total",
    help: "Viewers of rooms that were cut off because they did not read",
    registers: [this.#registry],
  });
  readonly #resumes = new Counter({
    name: "souffleur_resumes_total",
    help: "Connections that came to go on with a session, by whether they could",
    labelNames: ["result"],
    registers: [this.#registry],
  });

  constructor(sources: MetricsSources) {
    collectDefaultMetrics({ register: this.#registry });
    const registers = [this.#registry];
    const { engine } = sources;
    const gauge = (name: string, help: string, read: () => number) => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    gauge("souffleur_ready", "1 while new streams are taken, as /readyz says", () => Number(sources.ready()));
    gauge("souffleur_sessions_max", "Open streams at once at most", () => sources.maxSessions);
    gauge("souffleur_detached_sessions", "Open sessions that wait for their client to connect again", () =>
      sources.detachedSessions(),
    );
    gauge("souffleur_workers", "Inference threads that there should be", () => engine.gauges().workers);
    gauge("souffleur_workers_up", "Inference threads that can run steps", () => engine.gauges().workersUp);
    gauge("souffleur_open_segments", "Segments open in the engine", () => engine.gauges().openSegments);
    gauge("souffleur_state_bytes", "State held for open segments", () => engine.gauges().stateBytes);
    gauge("souffleur_queue_depth", "Segments that have something to run", () => engine.gauges().queueDepth);
    gauge("souffleur_backpressure_bytes", "Bytes that clients have not taken yet", () => sources.backpressureBytes());
    gauge("souffleur_rooms", "Rooms that somebody speaks in", () => sources.rooms?.live ?? 0);
    gauge("souffleur_nats_up", "1 while other servers' rooms can be had through NATS", () =>
      Number(sources.rooms?.natsUp ?? false),
    );
    gauge("souffleur_room_viewers", "Viewers of all rooms", () => sources.rooms?.viewers ?? 0);
    new Counter({
      name: "souffleur_worker_restarts_total",
      help: "Inference threads that died and were followed by another",
      registers,
      collect() {
        this.reset();
        this.inc(engine.gauges().workerRestarts);
      },
    });
    const labelNames = ["model", "provider", "precision"];
    new Gauge({
      name: "souffleur_engine_info",
      help: "What serves; always 1",
      labelNames,
      registers,
      collect() {
        // Models come and go when bundles are read again.
        this.reset();
        for (const { model, provider, precision } of engine.models) this.set({ model, provider, precision }, 1);
      },
    });
    this.#startAtZero();
  }

  /**
   * Counters of few, known labels stand at 0 from the start: Prometheus sees no increase in what appears as 1, and the
   * first fault is the one to hear of.
   */
  #startAtZero(): void {
    for (const outcome of OUTCOMES) this.#sessionsTotal.inc({ outcome }, 0);
    for (const result of RESUME_RESULTS) this.#resumes.inc({ result }, 0);
    for (const code of ERROR_CODES) {
      this.#errors.inc({ code }, 0);
      if (isRefusal(code)) this.#rejected.inc({ reason: code }, 0);
    }
    for (const code of [...Object.keys(CLOSE_CODES), ...CODES_WITHOUT_FRAME]) this.#disconnects.inc({ code }, 0);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All of it in Prometheus's text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  sessionOpened(): void {
    this.#sessions.inc();
  }

  sessionEnded(outcome: SessionOutcome): void {
    this.#sessions.dec();
    this.#sessionsTotal.inc({ outcome });
  }

  /** A connection came to go on with a session. */
  resumed(result: (typeof RESUME_RESULTS)[number]): void {
    this.#resumes.inc({ result });
  }

  /** A delta or a final was handed to the socket. */
  measured(pair: string, measure: DeltaMeasure | FinalMeasure): void {
    if (measure.type === "delta") {
      this.#wordLatency.observe({ pair }, measure.latencyMs / 1000);
      if (measure.firstDeltaMs !== undefined) this.#firstDelta.observe({ pair }, measure.firstDeltaMs / 1000);
      return;
    }
    this.#sourceWords.inc({ pair }, measure.sourceWords);
    this.#sourceTokens.inc({ pair }, measure.sourceTokens);
    this.#targetTokens.inc({ pair }, measure.targetTokens);
    this.#final.observe({ pair }, measure.finalMs / 1000);
    if (measure.averageLagging !== undefined) this.#lagging.observe({ pair }, measure.averageLagging);
  }

  /** The engine ran a step. */
  step(stats: StepStats): void {
    this.#batchSize.observe(stats.batchSize);
    for (const queueMs of stats.queueMs) this.#stage.observe({ stage: "queue" }, queueMs / 1000);
    this.#stage.observe({ stage: "batch" }, stats.batchMs / 1000);
    this.#stage.observe({ stage: "compute" }, stats.computeMs / 1000);
    this.#stage.observe({ stage: "emit" }, stats.deliverMs / 1000);
  }

  errorSent(code: ErrorCode): void {
    this.#errors.inc({ code });
    if (code === "slow_consumer") this.#slowConsumers.inc();
  }

  /** What became of a caption at a sink; both labels have few values. */
  captionPosted(sink: string, status: string): void {
    this.#captionPosts.inc({ sink, status });
  }

  /** So many viewers of a room were sent a frame. */
  roomDelivered(viewers: number): void {
    this.#roomFrames.inc(viewers);
  }

  viewerDropped(): void {
    this.#viewersDropped.inc();
  }

  noticed(code: NoticeMessage["code"]): void {
    this.#notices.inc({ code });
  }

  /** A stream or a request was refused before it did anything. */
  rejected(reason: ErrorCode): void {
    this.#rejected.inc({ reason });
  }

  disconnected(code: number): void {
    this.#disconnects.inc({ code: code in CLOSE_CODES || CODES_WITHOUT_FRAME.includes(code) ? code : "other" });
  }
}
