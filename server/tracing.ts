// Traces for an OpenTelemetry collector: a span for each session, one below it for each segment and target. Times, counts
// and languages; never a text.
import type { Span, Tracer } from "@opentelemetry/api";
import type { Logger } from "pino";
import type { DeltaMeasure, FinalMeasure } from "./session/session-event.ts";

export interface TracingSettings {
  /** Where the collector takes OTLP over HTTP; `/v1/traces` is added. */
  endpoint: string;
  /** `name=value`, separated by commas. */
  headers?: string;
  /** Share of the sessions that are traced, 0 to 1. */
  ratio: number;
  serviceName: string;
}

/** What a session's span tells of it. */
export interface TracedSession {
  readonly id: string;
  readonly pair: string;
  readonly outcome: string;
  readonly words: number;
  readonly segments: number;
  readonly openMs: number;
}

/** Of a delta or a final, where it belongs. */
interface SegmentOf {
  segment: number;
  target: string;
}

/** What a segment's deltas have told so far. Times are in milliseconds. */
interface OpenSpan {
  startedAt: number;
  deltas: number;
  queueMs: number;
  computeMs: number;
  slowestMs: number;
}

interface SessionSpan {
  span: Span;
  segments: Map<string, OpenSpan>;
}

/** How OpenTelemetry's parts are used; they are loaded only where a collector is named. */
interface Telemetry {
  tracer: Tracer;
  /** A session's span as parent of those made inside. */
  childOf(parent: Span, name: string, startTime: Date): Span;
  close(): Promise<void>;
}

export class Tracing {
  readonly #telemetry: Telemetry;
  readonly #now: () => number;
  readonly #sessions = new Map<string, SessionSpan>();

  private constructor(telemetry: Telemetry, now: () => number) {
    this.#telemetry = telemetry;
    this.#now = now;
  }

  /** @param now milliseconds since 1970, fractions and all */
  static async start(settings: TracingSettings, log: Logger, now: () => number = wallClock): Promise<Tracing> {
    return new Tracing(await load(settings, log), now);
  }

  /** @returns the trace's id, for the log */
  opened({ id, pair, openMs }: TracedSession): string {
    const span = this.#telemetry.tracer.startSpan("session", {
      root: true,
      startTime: new Date(this.#now() - openMs),
      attributes: { "souffleur.session": id, "souffleur.pair": pair },
    });
    this.#sessions.set(id, { span, segments: new Map() });
    return span.spanContext().traceId;
  }

  measured({ id }: Pick<TracedSession, "id">, of: SegmentOf, measure: DeltaMeasure | FinalMeasure): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    const key = `${of.segment} ${of.target}`;
    const open = session.segments.get(key);
    if (measure.type === "delta") session.segments.set(key, this.#withDelta(open, measure));
    else {
      session.segments.delete(key);
      this.#finish(session.span, of, open, measure);
    }
  }

  closed({ id, outcome, words, segments }: TracedSession, code: number): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    session.span.setAttributes({
      "souffleur.outcome": outcome,
      "souffleur.close_code": code,
      "souffleur.words": words,
      "souffleur.segments": segments,
    });
    // 2 is SpanStatusCode.ERROR: the package is not loaded for a number.
    if (outcome === "error") session.span.setStatus({ code: 2 });
    session.span.end(new Date(this.#now()));
  }

  /** Hands over what is left; at most some seconds where the collector does not answer. */
  close(): Promise<void> {
    return this.#telemetry.close();
  }

  #withDelta(open: OpenSpan | undefined, { latencyMs, queueMs, computeMs, firstDeltaMs }: DeltaMeasure): OpenSpan {
    const before = open ?? {
      startedAt: this.#now() - (firstDeltaMs ?? latencyMs),
      deltas: 0,
      queueMs: 0,
      computeMs: 0,
      slowestMs: 0,
    };
    return {
      startedAt: before.startedAt,
      deltas: before.deltas + 1,
      queueMs: before.queueMs + queueMs,
      computeMs: before.computeMs + computeMs,
      slowestMs: Math.max(before.slowestMs, latencyMs),
    };
  }

  #finish(parent: Span, { segment, target }: SegmentOf, open: OpenSpan | undefined, final: FinalMeasure): void {
    const at = this.#now();
    const span = this.#telemetry.childOf(parent, "segment", new Date(open?.startedAt ?? at - final.finalMs));
    span.setAttributes({
      "souffleur.segment": segment,
      "souffleur.target": target,
      "souffleur.source_words": final.sourceWords,
      "souffleur.source_tokens": final.sourceTokens,
      "souffleur.target_tokens": final.targetTokens,
      "souffleur.final_ms": final.finalMs,
      "souffleur.deltas": open?.deltas ?? 0,
      // Of the step batches that wrote the deltas, taken together.
      "souffleur.queue_ms": open?.queueMs ?? 0,
      "souffleur.compute_ms": open?.computeMs ?? 0,
      "souffleur.slowest_word_ms": open?.slowestMs ?? 0,
      ...(final.averageLagging === undefined ? {} : { "souffleur.average_lagging_words": final.averageLagging }),
    });
    span.end(new Date(at));
  }
}

/** How long a stopping server waits for the collector. Milliseconds. */
const CLOSE_TIMEOUT_MS = 3_000;

async function load({ endpoint, headers, ratio, serviceName }: TracingSettings, log: Logger): Promise<Telemetry> {
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/$/, "")}/v1/traces`,
    headers: headersOf(headers),
    timeoutMillis: CLOSE_TIMEOUT_MS,
  });
  const problem = () => log.warn("spans could not be handed to the collector");
  // What a message of theirs quotes is not known: only that there is one goes to the log.
  const diagnosis = { error: problem, warn: problem, info: () => {}, debug: () => {}, verbose: () => {} };
  api.diag.setLogger(diagnosis, { logLevel: api.DiagLogLevel.WARN, suppressOverrideMessage: true });
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": serviceName }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new sdk.BatchSpanProcessor(exporter, { exportTimeoutMillis: CLOSE_TIMEOUT_MS })],
  });
  const tracer = provider.getTracer("souffleur");
  return {
    tracer,
    childOf: (parent, name, startTime) =>
      tracer.startSpan(name, { startTime }, api.trace.setSpan(api.ROOT_CONTEXT, parent)),
    close: () => provider.shutdown().catch(problem),
  };
}

function headersOf(text: string | undefined): Record<string, string> {
  const pairs = text?.split(",").map((pair) => pair.split("=")) ?? [];
  return Object.fromEntries(pairs.map(([name, ...value]) => [name.trim(), decodeURIComponent(value.join("=").trim())]));
}

function wallClock(): number {
  return performance.timeOrigin + performance.now();
}
