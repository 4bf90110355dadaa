// What is installed: exact versions with their hashes, from the registry alone, and no package's script is run.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { contentOf } from "./tracked-files.ts";

const lockSchema = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(
    z.string(),
    z.object({ version: z.string(), integrity: z.string().optional(), link: z.boolean().optional() }),
  ),
});
const manifestSchema = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});

describe("dependencies", () => {
  const { packages } = lockSchema.parse(JSON.parse(contentOf("package-lock.json")));
  const installed = Object.entries(packages).filter(([path]) => path !== "");

  it("are locked to a version, and to its SHA-512 but for binaries of other platforms", () => {
    expect(installed.length).toBeGreaterThan(50);
    const loose = installed.filter(([, { version, link }]) => link === true || !/^\d+\.\d+\.\d+/.test(version));
    expect(loose.map(([path]) => path)).toEqual([]);
    // The lock file was made on Linux x64, where npm did not see those of uWebSockets.js for others.
    const foreign = /^node_modules\/@uwsjs\/(darwin|win32|linux-arm)/;
    const unhashed = installed.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? ""));
    expect(unhashed.map(([path]) => path).filter((path) => !foreign.test(path))).toEqual([]);
  });

  it("come from the registry: none from a repository, an address or a folder", () => {
    const { dependencies, devDependencies } = manifestSchema.parse(JSON.parse(contentOf("package.json")));
    const others = Object.entries({ ...dependencies, ...devDependencies }).filter(
      ([, range]) => !/^(npm:@?[\w./-]+@)?[\^~]?\d+\.\d+\.\d+$/.test(range),
    );
    expect(others).toEqual([]);
    expect(contentOf("package-lock.json")).not.toMatch(/"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/);
  });

  it("run no scripts when they are installed", () => {
    expect(contentOf(".npmrc")).toContain("ignore-scripts=true");
  });
});
