import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatherSettings, type SettingsSources } from "./gather-settings.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "souffleur-settings-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file of the test's folder with this text. */
function file(text: string, name = "souffleur.yaml"): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const gather = (sources: Partial<SettingsSources>) => gatherSettings({ env: {}, flags: {}, ...sources });

/** What is wrong, with the folder's path taken out. */
function problem(sources: Partial<SettingsSources>): string {
  try {
    gather(sources);
  } catch (error) {
    return error instanceof Error ? error.message.replaceAll(`${folder}/`, "") : "";
  }
  return "nothing";
}

describe("gatherSettings", () => {
  it("takes flags before variables before the file before the defaults", () => {
    const config = file("port: 1\nhost: 0.0.0.0\nmaxSessions: 5\nidleTimeout: 90\n");
    const env = { SOUFFLEUR_PORT: "2", PORT: "4", SOUFFLEUR_MAX_SESSIONS: "6" };
    const { settings, places } = gather({ config, env, flags: { port: "3" } });
    expect(settings).toMatchObject({
      port: 3,
      host: "0.0.0.0",
      maxSessions: 6,
      idleTimeoutMs: 90_000,
      transport: "auto",
    });
    expect(Object.fromEntries(places)).toEqual({
      port: "--port",
      host: `${config}:2`,
      maxSessions: "SOUFFLEUR_MAX_SESSIONS",
      idleTimeoutMs: `${config}:4`,
    });
    expect(gather({ env }).settings.port).toBe(2);
    expect(gather({ env: { PORT: "4" } }).settings.port).toBe(4);
    expect(gather({ env: { SOUFFLEUR_CONFIG: config } }).settings.port).toBe(1);
  });

  it("reads JSON as well as YAML, lists and durations in each form", () => {
    const json = file('{ "bundles": ["a", "b"],\n "drainTimeout": "500ms" }', "souffleur.json");
    expect(gather({ config: json }).settings).toMatchObject({ bundles: ["a", "b"], drainTimeoutMs: 500 });
    expect(gather({ env: { SOUFFLEUR_BUNDLES: "a, b" } }).settings.bundles).toEqual(["a", "b"]);
    expect(gather({ flags: { bundles: ["a,b", "c"] } }).settings.bundles).toEqual(["a,b", "c"]);
    expect(gather({ config: file("# nothing yet\n") }).places.size).toBe(0);
  });

  it("takes an empty variable for none", () => {
    expect(gather({ env: { SOUFFLEUR_PORT: "", PORT: "" } }).settings.port).toBe(8080);
  });

  it("names every setting that does not fit, its place and what it must be", () => {
    const config = file("host: [1]\nidleTimout: 3\nmaxSessions: many\n");
    const env = { SOUFFLEUR_PORT: "tcp://10.0.0.1:8080" };
    expect(problem({ config, env, flags: { drainTimeoutMs: "soon" } }).split("\n  ")).toEqual([
      "souffleur.yaml:2: there is no setting idleTimout; did you mean idleTimeout?",
      'SOUFFLEUR_PORT: port must be a whole number from 0 to 65535 (it is "tcp://10.0.0.1:8080")',
      "souffleur.yaml:1: host must be an address, such as 127.0.0.1 or 0.0.0.0 (it is [1])",
      'souffleur.yaml:3: maxSessions must be a whole number from 1 to 1000000 (it is "many")',
      '--drain-timeout: drainTimeout must be a duration: seconds, or a number with ms, s, m or h, such as 90s (it is "soon")',
    ]);
    expect(problem({ config: file("zzz: 1\n") })).toBe(
      "souffleur.yaml:1: there is no setting zzz: souffleur serve --print-config lists them",
    );
  });

  it("says where a file is none", () => {
    expect(problem({ config: file("port: 1\nport: 2\n") })).toMatch(/^souffleur.yaml:2: is neither YAML nor JSON: /);
    expect(problem({ config: file("- 1\n") })).toBe(
      'souffleur.yaml:1: must be settings with their values, such as "port: 8080", one a line',
    );
    expect(problem({ config: join(folder, "none.yaml") })).toMatch(/^none.yaml: cannot be read \(ENOENT/);
  });

  it("warns of variables that are nearly settings, and leaves the trainer's alone", () => {
    const env = { SOUFFLEUR_IDLE_TIMOUT: "3", SOUFFLEUR_PYTHON: "python3", SOUFFLEUR_ZZZZZZ: "1", HOME: "x" };
    expect(gather({ env }).warnings).toEqual([
      "the variable SOUFFLEUR_IDLE_TIMOUT is no setting; did you mean SOUFFLEUR_IDLE_TIMEOUT?",
    ]);
  });
});
