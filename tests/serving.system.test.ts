// What deploy/ serves with, run as far as one machine can: the image's files as its user on a read-only root, manifests
// and Dockerfiles by their own ecosystems' checkers, and nginx before two servers that are drained one after the other.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { standInBundle } from "../models/stand-in-bundle.ts";
import { StandInModel } from "../models/stand-in-model.ts";
import { InProcessEngine } from "../server/engine/in-process-engine.ts";
import { type RunningServer, startServer } from "../server/main.ts";
import { ResumingClient } from "../server/resuming-client.testing.ts";
import { DEFAULT_BUNDLE, PACKAGE_ROOT } from "../server/settings.ts";
import { freePort, until } from "./prometheus-server.ts";
import { canConfine, instruction, ServedImage } from "./served-image.ts";
import { Speaker } from "./speaker.ts";
import { contentOf, trackedFiles } from "./tracked-files.ts";

const NGINX = "/usr/sbin/nginx";
const python = process.env.SOUFFLEUR_PYTHON ?? join(PACKAGE_ROOT, ".venv/bin/python");
const checker = (name: string): string => join(dirname(python), name);
const isBuilt = existsSync(join(PACKAGE_ROOT, "dist/cli/main.js")) && existsSync(join(DEFAULT_BUNDLE, "bundle.json"));

describe("checkers", () => {
  it.skipIf(!existsSync(checker("kubernetes-validate")))("Kubernetes would take the manifests", () => {
    const manifests = trackedFiles().filter((path) => /^deploy\/kubernetes\/(?!serve-metrics).*\.yaml$/.test(path));
    expect(manifests.length).toBeGreaterThan(4);
    execFileSync(checker("kubernetes-validate"), ["--strict", "--quiet", ...manifests], { cwd: PACKAGE_ROOT });
  });

  it.skipIf(!existsSync(checker("hadolint")))("hadolint has nothing to say of the images", () => {
    // DL3008 asks for pinned Debian packages, whose old versions Debian's mirrors do not keep.
    const files = trackedFiles().filter((path) => path.startsWith("deploy/image/"));
    execFileSync(checker("hadolint"), ["--ignore", "DL3008", ...files], { cwd: PACKAGE_ROOT });
  });
});

describe.skipIf(!isBuilt || !canConfine)("the image", () => {
  let image: ServedImage;
  beforeAll(() => {
    image = new ServedImage();
  });
  afterAll(() => image?.remove());

  it("serves as a user without rights on a read-only root, is found healthy, and drains", async () => {
    const port = String(await freePort());
    const environment = { SOUFFLEUR_PORT: port, SOUFFLEUR_WORKERS: "1" };
    const command = [...instruction(/^ENTRYPOINT (\[.*\])$/m), ...instruction(/^CMD (\[.*\])$/m)];
    const server = image.run(command, environment);
    let log = "";
    server.stderr?.on("data", (text) => {
      log += text;
    });
    const status = async (path: string) =>
      (await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined))?.status;
    await until(
      "the server is ready",
      async () => (await status("/readyz")) === 200,
      async () => log,
    );
    const pid = server.pid ?? 0;
    const of = execFileSync("grep", ["-E", "^(Uid|CapEff|NoNewPrivs)", `/proc/${pid}/status`], { encoding: "utf8" });
    expect(of.split(/\s+/)).toEqual(expect.arrayContaining(["1000", "0000000000000000"]));
    const health = image.run(instruction(/^HEALTHCHECK .*CMD (\[.*\])$/m), environment);
    expect(await once(health, "exit")).toEqual([0, null]);
    const speaker = new Speaker(`ws://127.0.0.1:${port}/v1/stream`);
    speaker.say("The meeting starts at nine. ");
    await speaker.end();
    expect(speaker.translated).not.toBe("");
    expect(await status("/")).toBe(200);
    server.kill("SIGTERM");
    expect(await once(server, "exit")).toEqual([0, null]);
    const ill = image.run(instruction(/^HEALTHCHECK .*CMD (\[.*\])$/m), environment);
    expect(await once(ill, "exit")).toEqual([1, null]);
  });
});

describe.skipIf(!existsSync(NGINX))("nginx before two servers", () => {
  const bundle = standInBundle();
  const folder = mkdtempSync(join(tmpdir(), "souffleur-nginx-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const servers = new Map<number, RunningServer>();
  let nginx: ReturnType<typeof spawn> | undefined;
  let port: number;
  let ports: number[];
  afterEach(async () => {
    if (nginx?.exitCode === null) {
      nginx.kill("SIGQUIT");
      await once(nginx, "exit");
    }
    await Promise.all([...servers.values()].map((server) => server.close()));
    servers.clear();
  });

  const start = async (at: number) => {
    const runner = new StandInModel({ vocabularySize: bundle.tokenizer.vocabularySize });
    const models = [{ name: bundle.manifest.name, runner }];
    const settings = { port: at, transport: "ws", trustedProxies: 1, logLevel: "silent" } as const;
    servers.set(
      at,
      await startServer(settings, { bundles: [bundle], startEngine: async () => new InProcessEngine({ models }) }),
    );
  };
  /** deploy/nginx/souffleur.conf with this machine's ports, and one server marked as down. */
  const configure = (down?: number) => {
    let site = contentOf("deploy/nginx/souffleur.conf").replace("listen 8080;", `listen 127.0.0.1:${port};`);
    for (const [index, at] of ports.entries()) site = site.replaceAll(`127.0.0.1:808${index + 1}`, `127.0.0.1:${at}`);
    if (down !== undefined) site = site.replaceAll(`:${down} max_fails`, `:${down} down max_fails`);
    writeFileSync(
      join(folder, "nginx.conf"),
      `daemon off; error_log ${folder}/error.log; pid ${folder}/pid;
events { worker_connections 512; }
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join("\n")}
  ${site}
}
`,
    );
  };
  const metric = async (at: number, name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${at}/metrics`)).text();
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    return Number(line?.split(" ")[1]);
  };
  const sessionsOf = (at: number) => metric(at, "souffleur_sessions");
  const status = async (path: string) =>
    (await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined))?.status;

  /** Two servers, and nginx before them. */
  const startAll = async () => {
    [port, ...ports] = [await freePort(), await freePort(), await freePort()];
    await Promise.all(ports.map(start));
    configure();
    execFileSync(NGINX, ["-t", "-q", "-p", folder, "-c", join(folder, "nginx.conf")]);
    const started = spawn(NGINX, ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "inherit" });
    nginx = started;
    await until("nginx passes requests on", async () => (await status("/v1/models")) === 200);
    return started;
  };

  it("loses no word while one server after the other is drained under load", async () => {
    const nginx = await startAll();
    expect(await status("/metrics")).toBe(404);

    const speakers = Array.from({ length: 20 }, () => new Speaker(`ws://127.0.0.1:${port}/v1/stream`));
    const talking = Promise.all(speakers.map((speaker, index) => talk(speaker, index)));
    const [first, second] = ports;
    const held = async () => [await sessionsOf(first), await sessionsOf(second)];
    await until("streams are shared out", async () => (await held()).every((count) => count === 10), held);
    for (const [drained, other] of [ports, [second, first]]) {
      configure(drained);
      nginx.kill("SIGHUP");
      // Nginx's new workers know it at the latest with a new stream: no more of them reach the one that is down.
      await setTimeout(300);
      await servers.get(drained)?.close();
      await until("all are with the other", async () => (await sessionsOf(other)) === 20);
      await start(drained);
      configure();
      nginx.kill("SIGHUP");
    }
    const said = await talking;
    for (const [index, speaker] of speakers.entries()) {
      expect(speaker.heard).toBe(said[index]);
      expect(speaker.connections).toBeGreaterThan(1);
    }
  });

  it("resumes streams on the server that has them, however their connections are cut", async () => {
    const nginx = await startAll();
    const clients = Array.from(
      { length: 16 },
      (_, index) => new ResumingClient(`ws://127.0.0.1:${port}/v1/stream?affinity=speaker-${index}`),
    );
    const words = Array.from({ length: 90 }, (_, index) => (index % 9 === 8 ? "the end. " : `word${index} `));
    const cutAll = () => {
      // Nginx' workers are killed: both ends of every connection are cut in the middle of whatever they were doing.
      for (const worker of execFileSync("pgrep", ["-P", String(nginx.pid)], { encoding: "utf8" })
        .trim()
        .split("\n")) {
        process.kill(Number(worker), "SIGKILL");
      }
    };
    await Promise.all(clients.map((client) => client.ready()));
    for (const [at, word] of words.slice(0, 60).entries()) {
      for (const [index, client] of clients.entries()) {
        client.say(word);
        if ((at + index) % 13 === 12) client.cut();
      }
      if (at === 20 || at === 40) {
        await Promise.all(clients.map((client) => client.ready()));
        cutAll();
      }
      await setTimeout(10);
    }
    await Promise.all(clients.map((client) => client.ready()));
    const held = await Promise.all(ports.map(sessionsOf));
    expect(held.every((count) => count > 0) && held[0] + held[1] === clients.length).toBe(true);
    for (const at of ports) expect(await metric(at, 'souffleur_resumes_total{result="failed"}')).toBe(0);
    for (const client of clients) {
      expect(client.sessions).toBe(1);
      expect(client.connections).toBeGreaterThan(4);
    }
    // Who had a server that went away begins anew on the other, with what had no final.
    configure(ports[0]);
    nginx.kill("SIGHUP");
    await setTimeout(300);
    const drained = servers.get(ports[0])?.close();
    for (const word of words.slice(60)) for (const client of clients) client.say(word);
    await drained;
    await Promise.all(clients.map((client) => client.end()));
    for (const client of clients) expect(client.source).toBe(words.join("").trim());
    expect(clients.filter(({ sessions }) => sessions === 2)).toHaveLength(held[0]);
  });

  /** Speaks numbered words for some seconds, and gives all that was said. */
  async function talk(speaker: Speaker, index: number): Promise<string> {
    const all: string[] = [];
    for (let word = 0; word < 120; word++) {
      const text = word % 9 === 8 ? `end${index}. ` : `word${word} `;
      all.push(text);
      speaker.say(text);
      await setTimeout(50);
    }
    await speaker.end();
    return all.join("").trim();
  }
});
