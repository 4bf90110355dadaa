// The Python client: its own tests, its types, and its example with the real server over a network that breaks.
import { execFile, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningServer } from "../server/main.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { CutProxy } from "./cut-proxy.ts";
import { codeBlocks } from "./markdown.ts";
import { startStandInServer } from "./stand-in-server.ts";

const run = promisify(execFile);
const own = join(PACKAGE_ROOT, ".venv", "bin", "python");
const python = process.env.SOUFFLEUR_PYTHON ?? (existsSync(own) ? own : "python3");
const has = (name: string) => spawnSync(python, ["-c", `import ${name}`]).status === 0;
const folder = join(PACKAGE_ROOT, "clients", "python");
const SENTENCE =
  "The old harbour is closed today, because the ships wait for the tide. Nobody knows how long it takes. ";

describe.skipIf(!has("websockets"))("the Python client", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startStandInServer();
  });
  afterAll(() => server?.close());

  const translated = async (text: string): Promise<string> => {
    const body = JSON.stringify({ source: "en", target: "de", text, wait: 3 });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${server.url}v1/translate`, { method: "POST", headers, body });
    return ((await answer.json()) as { text: string }).text;
  };

  it("passes its tests", async () => {
    const { stderr } = await run(python, ["-m", "unittest"], { cwd: folder }).catch((error: { stderr: string }) => {
      throw new Error(error.stderr);
    });
    expect(stderr).toMatch(/Ran \d\d tests[\s\S]*OK/);
  });

  it.skipIf(!has("mypy"))("is typed, as strictly as there is", async () => {
    const { stdout } = await run(python, ["-m", "mypy"], { cwd: folder }).catch((error: { stdout: string }) => {
      throw new Error(error.stdout);
    });
    expect(stdout).toMatch(/^Success: no issues found in \d+ source files/m);
  });

  it("translates standard input, whatever happens to its connections", async () => {
    const proxy = new CutProxy(server.port);
    const url = await proxy.listen();
    const child = spawn(python, ["examples/translate.py", "de"], {
      cwd: folder,
      env: { ...process.env, PYTHONPATH: folder, SOUFFLEUR_URL: url },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data) => {
      stdout += data;
    });
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    const closed = new Promise((resolve) => child.on("close", resolve));
    child.stdin.write(`${SENTENCE}\n`);
    await expect.poll(() => stdout, { timeout: 30_000 }).not.toBe("");
    const text = `${SENTENCE}\n`.repeat(12);
    for (let line = 1; line < 12; line += 1) {
      child.stdin.write(`${SENTENCE}\n`);
      await setTimeout(60);
      if (line % 3 === 0) proxy.cut();
    }
    child.stdin.end();
    expect(await closed).toBe(0);
    expect(proxy.cuts).toBeGreaterThan(0);
    await proxy.close();
    expect(stderr.match(/again in/g)?.length).toBeGreaterThan(0);
    expect(stdout.trim().split("\n").join(" ")).toBe(await translated(text));
  });

  it("does what its README shows", async () => {
    const [snippet] = codeBlocks(readFileSync(join(folder, "README.md"), "utf8")).filter(
      ({ language }) => language === "python",
    );
    const script = snippet.text.replace("ws://localhost:8080", server.url);
    const { stdout } = await run(python, ["-c", script], { cwd: folder });
    const said = /"([^"]+)"\.split/.exec(script)?.[1] ?? "";
    expect(stdout.trim().split("\n").join(" ")).toBe(await translated(said));
  });
});
