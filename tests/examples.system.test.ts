// The examples, as a reader would use them: run against the real server, in Chromium, and typechecked against what is built.
import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunningServer } from "../server/main.ts";
import { PACKAGE_ROOT } from "../server/settings.ts";
import { codeBlocks } from "./markdown.ts";
import { startStandInServer } from "./stand-in-server.ts";
import { contentOf } from "./tracked-files.ts";

const run = promisify(execFile);
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const isBuilt = existsSync(join(PACKAGE_ROOT, "dist/clients/typescript/index.js"));
const TEXT = "The train is late today. We take the next one. ";

describe.skipIf(!isBuilt)("the examples", () => {
  let server: RunningServer;
  let folder: string;
  let translation: string;

  /** A project of somebody else's, which has the package installed. */
  beforeAll(async () => {
    server = await startStandInServer();
    const cache = join(PACKAGE_ROOT, "node_modules", ".cache");
    mkdirSync(cache, { recursive: true });
    folder = mkdtempSync(join(cache, "examples-"));
    cpSync(join(PACKAGE_ROOT, "examples"), folder, { recursive: true });
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(PACKAGE_ROOT, join(folder, "node_modules", "souffleur"));
    const body = JSON.stringify({ source: "en", target: "de", text: TEXT, wait: 3 });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${server.url}v1/translate`, { method: "POST", headers, body });
    translation = ((await answer.json()) as { text: string }).text;
  });
  afterAll(async () => {
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("translate what comes on standard input", async () => {
    const child = spawn(process.execPath, ["node.mjs", "de"], {
      cwd: folder,
      env: { ...process.env, SOUFFLEUR_URL: server.streamUrl },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data) => {
      stdout += data;
    });
    child.stderr.on("data", (data) => {
      stderr += data;
    });
    child.stdin.end(TEXT);
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.trim().split("\n").join(" ")).toBe(translation);
  });

  it("compile against the package as it is installed, as strictly as ours", async () => {
    const compilerOptions = {
      ...{ strict: true, noEmit: true, checkJs: true, allowJs: true, skipLibCheck: false, noUnusedLocals: true },
      ...{ target: "es2023", lib: ["es2023", "dom", "dom.asynciterable"], types: ["node"] },
    };
    const options = { ...compilerOptions, module: "nodenext", moduleResolution: "nodenext" };
    const files = ["node.mjs", "react/use-translation.ts"];
    const shown = codeBlocks(contentOf("docs/clients.md")).filter(({ language }) => language === "ts");
    expect(shown.length).toBe(3);
    for (const [index, { text }] of shown.entries()) {
      writeFileSync(join(folder, `shown-${index}.ts`), text);
      files.push(`shown-${index}.ts`);
    }
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files }));
    const compiler = join(PACKAGE_ROOT, "node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [compiler, "-p", folder, "--listFiles"]).catch(
      (error: { stdout: string }) => {
        throw new Error(`an example does not compile:\n${error.stdout}`);
      },
    );
    // It was the package's own declarations that were read, and they stand alone.
    expect(stdout).toMatch(/dist\/clients\/typescript\/client\.d\.ts/);
    expect(stdout).toMatch(/dist\/clients\/recognisers\/vosk\.d\.ts/);
    expect(stdout).not.toMatch(/server\/protocol/);
  });

  describe.skipIf(!existsSync(CHROMIUM))("in Chromium", () => {
    let browser: Browser;
    let pages: Server;

    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
      pages = createServer((request, response) => {
        const path = (request.url ?? "").split("?")[0].replace(/^\/node_modules\/souffleur\//, "../");
        const file = join(PACKAGE_ROOT, "examples", path);
        if (!existsSync(file) || dirname(file) === file) return response.writeHead(404).end();
        const type = file.endsWith(".js") ? "text/javascript" : "text/html";
        return response.writeHead(200, { "content-type": type }).end(readFileSync(file));
      });
      await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
    });
    afterAll(async () => {
      await browser?.close();
      pages?.close();
    });

    it("translate what is typed, without a build step", async () => {
      const page = await browser.newPage();
      const troubles: string[] = [];
      page.on("pageerror", (error) => troubles.push(String(error)));
      const { port } = pages.address() as AddressInfo;
      await page.goto(`http://127.0.0.1:${port}/page.html?server=${encodeURIComponent(server.url)}`);
      const text = (id: string) => page.evaluate<string>(`document.getElementById("${id}").innerText`);
      await expect.poll(() => text("status"), { timeout: 15_000 }).toBe("open");
      await page.locator("#source").pressSequentially(TEXT);
      await page.keyboard.press("Enter");
      const shown = () => text("target").then((lines) => lines.trim().split(/\n+/).join(" "));
      await expect.poll(shown, { timeout: 15_000 }).toBe(translation);
      await server.close();
      await expect.poll(() => text("status"), { timeout: 15_000 }).toMatch(/^(waiting|connecting): ?/);
      expect(troubles).toEqual([]);
    });
  });
});
