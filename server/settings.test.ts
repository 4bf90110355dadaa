import { describe, expect, it } from "vitest";
import { resolveSettings, SERVER_SETTINGS } from "./settings.ts";

describe("resolveSettings", () => {
  it("has a default for everything", () => {
    expect(resolveSettings({})).toMatchObject({
      port: 8080,
      host: "127.0.0.1",
      transport: "auto",
      idleTimeoutMs: 300_000,
    });
    expect(resolveSettings({}).bundles[0]).toMatch(/models.en-de$/);
  });

  it("names the setting that cannot be used", () => {
    expect(() => resolveSettings({ port: 70_000 })).toThrow("port must be a whole number from 0 to 65535");
    expect(() => resolveSettings({ bundles: [] })).toThrow("bundles must name at least one");
    expect(() => resolveSettings({ workers: 0 })).toThrow("workers must be a whole number from 1 to 1024");
    expect(() => resolveSettings({ keepAliveMs: 5 })).toThrow("keepAliveMs must be a duration of 1s or more");
  });
});

describe("SERVER_SETTINGS", () => {
  it("have a meaning and an end of it each, and no name twice", () => {
    const names = SERVER_SETTINGS.flatMap(({ name, flag, env }) => [name, ...flag.split(", "), ...env]);
    expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([]);
    for (const { meaning, past, defaultText } of SERVER_SETTINGS) {
      for (const text of [meaning, past, defaultText]) expect(text).toMatch(/^\S[^|]*[^.\s]$|^\w$/);
    }
  });
});
