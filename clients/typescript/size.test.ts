import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";
import { describe, expect, it } from "vitest";

/** Kilobytes (1,000 bytes), minified and gzipped: what docs/clients.md promises. */
const PROMISED_KB = 7;

describe("the client in a page", () => {
  it("is small, needs nothing else, and is as large as the document says", async () => {
    const build = await rolldown({
      input: fileURLToPath(new URL("index.ts", import.meta.url)),
      platform: "browser",
      onLog: () => {},
    });
    const { output } = await build.generate({ format: "esm", minify: true });
    expect(output.length).toBe(1);
    const [{ code, imports }] = output;
    expect(imports).toEqual([]);
    const kilobytes = gzipSync(code).byteLength / 1_000;
    expect(kilobytes).toBeLessThan(PROMISED_KB);
    const page = readFileSync(new URL("../../docs/clients.md", import.meta.url), "utf8");
    const stated = Number(/([\d.]+) KB minified and gzipped/.exec(page)?.[1]);
    expect(kilobytes).toBeLessThan(stated + 0.05);
    expect(kilobytes).toBeGreaterThan(stated - 0.15);
    expect(page).toContain(`under ${PROMISED_KB} KB`);
  });
});
