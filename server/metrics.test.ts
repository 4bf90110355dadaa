import { describe, expect, it } from "vitest";
import { StandInModel } from "../models/stand-in-model.ts";
import { InProcessEngine } from "./engine/in-process-engine.ts";
import { Metrics } from "./metrics.ts";

function setUp() {
  const engine = new InProcessEngine({
    models: [{ name: "en-de", runner: new StandInModel({ vocabularySize: 40 }), precision: "int8" }],
  });
  return new Metrics({
    engine,
    backpressureBytes: () => 42,
    ready: () => true,
    maxSessions: 7,
    detachedSessions: () => 0,
  });
}

describe("Metrics", () => {
  it("counts sessions, words, times and errors in seconds and by pair", async () => {
    const metrics = setUp();
    metrics.sessionOpened();
    metrics.sessionOpened();
    metrics.sessionEnded("done");
    metrics.measured("en-de", { type: "delta", latencyMs: 12, queueMs: 1, computeMs: 3, firstDeltaMs: 40 });
    metrics.measured("en-de", {
      type: "final",
      sourceWords: 7,
      sourceTokens: 9,
      targetTokens: 8,
      finalMs: 30,
      averageLagging: 2.5,
    });
    metrics.step({
      model: "en-de",
      worker: 0,
      batchSize: 3,
      tokens: 4,
      chunks: 4,
      queueMs: [1, 2, 3],
      batchMs: 0.1,
      computeMs: 5,
      deliverMs: 0.2,
    });
    metrics.errorSent("slow_consumer");
    metrics.rejected("overloaded");
    metrics.disconnected(1013);
    metrics.disconnected(4711);
    const text = await metrics.text();
    const lines = text.split("\n");
    for (const line of [
      "souffleur_sessions 1",
      'souffleur_sessions_total{outcome="done"} 1',
      'souffleur_source_words_total{pair="en-de"} 7',
      'souffleur_source_tokens_total{pair="en-de"} 9',
      'souffleur_target_tokens_total{pair="en-de"} 8',
      'souffleur_word_latency_seconds_sum{pair="en-de"} 0.012',
      'souffleur_first_delta_seconds_sum{pair="en-de"} 0.04',
      'souffleur_final_seconds_sum{pair="en-de"} 0.03',
      'souffleur_average_lagging_words_sum{pair="en-de"} 2.5',
      'souffleur_stage_seconds_count{stage="queue"} 3',
      'souffleur_stage_seconds_sum{stage="compute"} 0.005',
      "souffleur_batch_size_sum 3",
      "souffleur_queue_depth 0",
      "souffleur_open_segments 0",
      "souffleur_state_bytes 0",
      "souffleur_workers 1",
      "souffleur_workers_up 1",
      "souffleur_worker_restarts_total 0",
      "souffleur_ready 1",
      "souffleur_sessions_max 7",
      'souffleur_rejected_total{reason="overloaded"} 1',
      'souffleur_errors_total{code="slow_consumer"} 1',
      'souffleur_disconnects_total{code="1013"} 1',
      'souffleur_disconnects_total{code="other"} 1',
      "souffleur_backpressure_bytes 42",
      "souffleur_slow_consumers_total 1",
      'souffleur_engine_info{model="en-de",provider="cpu",precision="int8"} 1',
    ]) {
      expect(lines).toContain(line);
    }
    expect(text).toContain("nodejs_eventloop_lag_seconds");
  });

  it("says nothing of average lagging where nothing was written", async () => {
    const metrics = setUp();
    metrics.measured("en-de", { type: "final", sourceWords: 1, sourceTokens: 1, targetTokens: 0, finalMs: 3 });
    expect(await metrics.text()).not.toContain("souffleur_average_lagging_words_sum");
  });
});
