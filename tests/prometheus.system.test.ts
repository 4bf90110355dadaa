// deploy/prometheus and deploy/grafana against a real Prometheus that scrapes a loaded server: every panel has data,
// every alert fires on the fault that it is for. A minute of the rules is a second here; promtool tests the real times.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import WebSocket from "ws";
import { parse } from "yaml";
import { z } from "zod";
import { standInBundle } from "../models/stand-in-bundle.ts";
import { StandInModel } from "../models/stand-in-model.ts";
import type { Engine, EngineGauges, EngineSession } from "../server/engine/engine.ts";
import { InProcessEngine } from "../server/engine/in-process-engine.ts";
import { type RunningServer, startServer } from "../server/main.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { hasPrometheus, PrometheusServer, until } from "./prometheus-server.ts";
import { Talker } from "./talker.ts";
import { contentOf } from "./tracked-files.ts";

const RULES = ["recording.rules.yaml", "alerts.rules.yaml"];
const rulesSchema = z.object({
  groups: z.array(z.object({ rules: z.array(z.looseObject({ alert: z.string().optional() })) })),
});
const alerts = rulesSchema
  .parse(parse(contentOf("deploy/prometheus/alerts.rules.yaml")))
  .groups.flatMap(({ rules }) => rules.flatMap(({ alert }) => alert ?? []));
const dashboardSchema = z.looseObject({
  panels: z.array(
    z.looseObject({
      title: z.string(),
      type: z.string(),
      targets: z.array(z.looseObject({ expr: z.string() })).optional(),
    }),
  ),
});
const panels = dashboardSchema.parse(JSON.parse(contentOf("deploy/grafana/souffleur.json"))).panels;
const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const));

/** What the machine's speed may set off as well, here where a minute is a second. */
const BY_SPEED = ["SouffleurWordLatencyHigh", "SouffleurWorkersBusy", "SouffleurSocketThreadBusy"];

/** A limit that a test can come near to. */
const OPEN_FILES = 4096;

/** A model that can be slow, or broken. */
class FaultyModel extends StandInModel {
  delayMs = 0;
  broken = false;

  override async run(...given: Parameters<StandInModel["run"]>) {
    if (this.delayMs > 0) await setTimeout(this.delayMs);
    if (this.broken) throw new Error("broken");
    return super.run(...given);
  }
}

/** An engine of two workers, if one believes what it says, which can lose them. */
class FaultyEngine implements Engine {
  workers = 2;
  workersUp = 2;
  workerRestarts = 0;
  ready = true;
  readonly #inner: Engine;

  constructor(inner: Engine) {
    this.#inner = inner;
  }

  get models() {
    return this.#inner.models;
  }

  openSession(model: string): EngineSession {
    return this.#inner.openSession(model);
  }

  gauges(): EngineGauges {
    const { workers, workersUp, workerRestarts } = this;
    return { ...this.#inner.gauges(), workers, workersUp, workerRestarts };
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

describe.skipIf(!hasPrometheus)("with promtool", () => {
  const promtool = (...words: string[]): string =>
    execFileSync("promtool", words, { cwd: join(PACKAGE_ROOT, "deploy/prometheus"), encoding: "utf8" });

  it("rules and configuration are sound, and alerts come when they should and not before", () => {
    promtool("check", "rules", ...RULES);
    promtool("check", "config", "prometheus.yaml");
    expect(promtool("test", "rules", "alerts.test.yaml")).toContain("SUCCESS");
  });
});

describe.skipIf(!hasPrometheus)("a Prometheus that scrapes a loaded server", () => {
  const talkers: Talker[] = [];
  const directory = mkdtempSync(join(tmpdir(), "souffleur-prometheus-"));
  const captionOutputs = join(directory, "outputs.yaml");
  const bundle = standInBundle();
  const model = new FaultyModel({ vocabularySize: bundle.tokenizer.vocabularySize });
  let engine: FaultyEngine;
  let server: RunningServer;
  let prometheus: PrometheusServer;
  let url: string;

  const fired = (...names: string[]) =>
    until(
      names.join(", "),
      async () => {
        const firing = await prometheus.firing();
        return names.every((name) => firing.includes(name));
      },
      () => prometheus.query("ALERTS"),
    );
  const talk = (count: number, everyMs: number) => {
    for (let one = 0; one < count; one++) talkers.push(new Talker(url, everyMs));
  };

  beforeAll(async () => {
    // The metrics read the limit once, at the first start of a server in this process.
    execFileSync("prlimit", ["--pid", String(process.pid), `--nofile=${OPEN_FILES}:`]);
    writeFileSync(captionOutputs, "outputs:\n  stage:\n    sinks: [{ type: hls }]\n");
    server = await startServer(
      { port: 0, transport: "ws", logLevel: "silent", maxSessions: 60, captionOutputs },
      {
        bundles: [bundle],
        startEngine: async (_, observer) => {
          const models = [{ name: bundle.manifest.name, runner: model }];
          engine = new FaultyEngine(new InProcessEngine({ models, observer }));
          return engine;
        },
      },
    );
    url = server.streamUrl.replace("localhost", "127.0.0.1");
    talk(29, 100);
    talkers.push(new Talker(url, 100, "&captions=stage"));
    const inSeconds = (text: string) => text.replaceAll(/(?<=\[|for: )(\d+)m/g, "$1s");
    const rules = RULES.map((name) => [name, inSeconds(contentOf(`deploy/prometheus/${name}`))] as const);
    const configuration = contentOf("deploy/prometheus/prometheus.yaml")
      .replaceAll("interval: 10s", "interval: 500ms")
      .replace("localhost:8080", `127.0.0.1:${server.port}`);
    prometheus = await PrometheusServer.start({ ...Object.fromEntries(rules), "prometheus.yaml": configuration });
  });
  afterAll(async () => {
    await Promise.all(talkers.map((talker) => talker.stop()));
    await prometheus?.close();
    await server?.close();
    rmSync(directory, { recursive: true });
  });

  it("has data in every panel, and no alert while all is well", async () => {
    const filled = (expression: string) =>
      expression.replaceAll("$__rate_interval", "10s").replaceAll("$job", "souffleur").replaceAll("$instance", ".*");
    const empty = async (): Promise<string[]> => {
      const titles = await Promise.all(
        queries.map(async ([title, expression]) => {
          const samples = await prometheus.query(filled(expression));
          return samples.some(({ value }) => !Number.isNaN(value)) ? [] : [`${title}: ${expression}`];
        }),
      );
      return titles.flat();
    };
    expect(queries.length).toBeGreaterThan(30);
    await until("every panel has data", async () => (await empty()).length === 0, empty);
    expect((await prometheus.firing()).filter((name) => !BY_SPEED.includes(name))).toEqual([]);
  });

  it("tells of workers that are lost, of slow steps, and of limits that are near", async () => {
    Object.assign(engine, { workers: 1, workersUp: 0, workerRestarts: 3 });
    model.delayMs = 250;
    talk(40, Number.POSITIVE_INFINITY); // some of them find no place
    const files = Array.from({ length: OPEN_FILES - 300 }, () => openSync("/dev/null", "r"));
    await fired("SouffleurWorkersMissing", "SouffleurWorkersRestarting").finally(() => {
      engine.workersUp = 1;
    });
    await fired("SouffleurNearlyFull", "SouffleurRefusing", "SouffleurOpenFiles").finally(() => {
      for (const file of files) closeSync(file);
    });
    await fired("SouffleurWordLatencyHigh", "SouffleurWorkersBusy");
    model.delayMs = 0;
    await Promise.all(talkers.splice(30).map((talker) => talker.stop()));
  });

  it("tells of faults, and of connections that are lost", async () => {
    model.broken = true;
    await fired("SouffleurFaults", "SouffleurConnectionsLost");
    model.broken = false;
    await Promise.all(talkers.splice(0).map((talker) => talker.stop()));
  });

  it("tells of clients that do not read", async () => {
    const count = 5;
    const sockets = Array.from({ length: count }, () => new WebSocket(`${url}?source=en&target=de`, "souffleur.v1"));
    for (const socket of sockets) {
      await once(socket, "message");
      socket.pause();
      socket.on("error", () => {});
    }
    // A socket that is not read does not learn that it was closed: the server's own figure says how many are.
    const closed = async () => {
      const text = await (await fetch(server.metricsUrl.replace("localhost", "127.0.0.1"))).text();
      return Number(/^souffleur_slow_consumers_total (\d+)$/m.exec(text)?.[1]);
    };
    const ping = JSON.stringify({ type: "ping", id: "x".repeat(128) });
    while ((await closed()) < count) {
      for (const socket of sockets) for (let one = 0; one < 1000; one++) socket.send(ping);
      await setTimeout(1);
    }
    for (const socket of sockets) socket.terminate();
    await fired("SouffleurSlowConsumers");
  });

  it("tells of a server that takes no streams, of a busy socket thread, and of an end", async () => {
    engine.ready = false;
    // Now and then, so that the metrics can still be had.
    const blocking = setInterval(() => {
      for (const end = performance.now() + 130; performance.now() < end; );
    }, 250);
    await fired("SouffleurNotReady", "SouffleurSocketThreadBusy").finally(() => clearInterval(blocking));
    await server.close();
    await fired("SouffleurDown");
  });

  it("has told of every alert that there is", () => {
    const told = contentOf("tests/prometheus.system.test.ts").match(/(?<=[("\s])Souffleur[A-Z]\w+(?=")/g);
    expect(alerts.filter((alert) => !told?.includes(alert))).toEqual([]);
  });
});
