// A real Prometheus for the tests: started on a free port, asked over HTTP, ended with its files.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";

/** Whether `prometheus` and `promtool` can be run; Debian's package `prometheus` has both. */
export const hasPrometheus = ["prometheus", "promtool"].every((name) => {
  try {
    execFileSync(name, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
});

const answerSchema = z.object({
  status: z.literal("success"),
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export class PrometheusServer {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #url: string;

  private constructor(process: ChildProcess, folder: string, url: string) {
    this.#process = process;
    this.#folder = folder;
    this.#url = url;
  }

  /** @param files the configuration as `prometheus.yaml`, and the files that it names */
  static async start(files: Readonly<Record<string, string>>): Promise<PrometheusServer> {
    const folder = mkdtempSync(join(tmpdir(), "souffleur-prometheus-"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const port = await freePort();
    const child = spawn(
      "prometheus",
      [
        `--config.file=${join(folder, "prometheus.yaml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error",
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    const server = new PrometheusServer(child, folder, `http://127.0.0.1:${port}`);
    try {
      await until("Prometheus is ready", async () => {
        if (child.exitCode !== null) throw new Error(`prometheus ended with ${child.exitCode}`);
        return (await fetch(`${server.#url}/-/ready`).catch(() => undefined))?.ok === true;
      });
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** An instant query, now. */
  async query(expression: string): Promise<Sample[]> {
    const body = new URLSearchParams({ query: expression });
    const response = await fetch(`${this.#url}/api/v1/query`, { method: "POST", body });
    if (!response.ok) throw new Error(`${expression}: ${await response.text()}`);
    const { data } = answerSchema.parse(await response.json());
    return data.result.map(({ metric, value: [, text] }) => ({ labels: metric, value: Number(text) }));
  }

  /** Names of the alerts that fire. */
  async firing(): Promise<string[]> {
    const samples = await this.query('ALERTS{alertstate="firing"}');
    return [...new Set(samples.map(({ labels }) => labels.alertname))].sort();
  }

  async close(): Promise<void> {
    if (this.#process.exitCode === null) {
      const ended = once(this.#process, "exit");
      this.#process.kill("SIGKILL");
      await ended;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Asks again and again until it is so. Throws after half a minute, with what `state` then says. */
export async function until(what: string, isSo: () => Promise<boolean>, state?: () => Promise<unknown>): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; ) {
    if (await isSo()) return;
    if (Date.now() > deadline) throw new Error(`not in time: ${what}; ${JSON.stringify(await state?.())}`);
    await setTimeout(100);
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
