import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { describeSettings, settingTexts } from "../server/setting.ts";
import { SERVER_SETTINGS } from "../server/settings.ts";
import { gatherSettings } from "./gather-settings.ts";
import { printSettings } from "./print-settings.ts";

it("shows each setting with its texts, its value and its place", () => {
  const flags = { idleTimeoutMs: "1.5", bundles: ["a", "b"] };
  const { settings, places } = gatherSettings({ env: { PORT: "77" }, flags });
  const printed = printSettings(SERVER_SETTINGS, settings, places);
  expect(printed).toContain(
    "# TCP port to listen on; 0 takes a free one. Default: 8080. Past it: a port that is taken ends the\n" +
      "# start with exit code 1.\nport: 77  # from PORT\n",
  );
  expect(printed).toContain("\nidleTimeout: 1500ms  # from --idle-timeout\n");
  expect(printed).toContain("\nbundles: [ a, b ]  # from --bundle\n");
  expect(printed).toContain("\n# workers: one for each core but one, at least 1  # default\n");
  expect(printed).toContain("\nhost: 127.0.0.1  # default\n");
});

it("is a configuration file that gives the same settings", () => {
  const folder = mkdtempSync(join(tmpdir(), "souffleur-settings-"));
  try {
    const flags = { host: "::1", workers: "3", keepAliveMs: "2500ms", bundles: ["a b", "c: d"], logLevel: "warn" };
    const { settings, places } = gatherSettings({ env: {}, flags });
    const config = join(folder, "printed.yaml");
    writeFileSync(config, printSettings(SERVER_SETTINGS, settings, places));
    expect(gatherSettings({ config, env: {}, flags: {} }).settings).toEqual(settings);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it("keeps secrets to itself", () => {
  const texts = { meaning: "m", past: "p", value: "v", secret: true };
  const settings = describeSettings({ signingKey: z.string().optional().register(settingTexts, texts) });
  const places = new Map([["signingKey", "SOUFFLEUR_SIGNING_KEY"]]);
  const printed = printSettings(settings, { signingKey: "hunter2" }, places);
  expect(printed).toContain("# signingKey: (redacted)  # from SOUFFLEUR_SIGNING_KEY");
  expect(printed).not.toContain("hunter2");
});
