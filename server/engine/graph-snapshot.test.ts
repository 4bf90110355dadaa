import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeManifest } from "../../models/bundle.ts";
import { standInBundle } from "../../models/stand-in-bundle.ts";
import { copyGraphs, snapshotGraphs } from "./graph-snapshot.ts";

describe("a snapshot of graphs", () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "souffleur-snapshot-"));
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  it("is what the manifest was loaded with, whatever the file is later; or nothing", async () => {
    const stepPath = join(dir, "step.onnx");
    for (const name of ["step.onnx", "tokenizer.json"]) writeFileSync(join(dir, name), "graph");
    const bundle = standInBundle();
    const manifest = await writeManifest(dir, bundle.manifest);
    const snapshot = await snapshotGraphs({ ...bundle, dir, manifest, stepPath });
    writeFileSync(stepPath, "grapf");
    const copy = copyGraphs(snapshot);
    expect(Buffer.from(copy.step ?? "").toString()).toBe("graph");
    expect([copy.read, copy.write]).toEqual([undefined, undefined]);
    await expect(snapshotGraphs({ ...bundle, dir, manifest, stepPath })).rejects.toMatchObject({ code: "hash" });
  });
});
