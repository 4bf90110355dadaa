import { describe, expect, it } from "vitest";
import { resolveSettings } from "./settings.ts";

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
    expect(() => resolveSettings({ port: 70_000 })).toThrow("port must be a port");
    expect(() => resolveSettings({ bundles: [] })).toThrow("bundles must name at least one");
    expect(() => resolveSettings({ workers: 0 })).toThrow("workers must be at least 1");
  });
});
