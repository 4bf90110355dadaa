import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ShardError } from "./shard.ts";
import { packSoftTargets, type SoftTarget, SoftTargets, softTargetsHeader } from "./soft-targets.ts";

const dir = mkdtempSync(join(tmpdir(), "souffleur-soft-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Three targets of 2, 0 and 1 tokens: 3, 1 and 2 positions, two ids each. */
const offsets = Uint32Array.from([0, 2, 2, 3]);
const rows: SoftTarget[] = [3, 1, 2].map((positions, row) => ({
  positions,
  ids: Uint16Array.from({ length: 2 * positions }, (_, at) => 60_000 + 100 * row + at),
  logProbabilities: Float32Array.from({ length: 2 * positions }, (_, at) => -(row + 1) * at * 0.3 - 0.001),
}));
const shard = { sha256: "abc", targetOffsets: offsets };

function written(name: string): string {
  const path = join(dir, name);
  const bytes = packSoftTargets(rows);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const header = softTargetsHeader({ pairs: 3, targetTokens: 3, sha256: "abc" }, { k: 2, sha256, massLost: 0.25 });
  writeFileSync(`${path}.topk`, bytes);
  writeFileSync(`${path}.topk.json`, JSON.stringify(header));
  return path;
}

describe("soft targets", () => {
  test("are read row by row, log-probabilities to an eighth of a thousandth", async () => {
    const soft = await SoftTargets.open(written("whole"), shard);
    expect(soft.k).toBe(2);
    expect(soft.massLost).toBe(0.25);
    for (const row of [2, 0, 1, 0]) {
      const { positions, ids, logProbabilities } = soft.read(row);
      expect(positions).toBe(rows[row]!.positions);
      expect(soft.positionsOf(row)).toBe(positions);
      expect(ids).toEqual(rows[row]!.ids);
      for (const [at, value] of logProbabilities.entries())
        expect(Math.abs(value - rows[row]!.logProbabilities[at]!)).toBeLessThan(1 / 8192 + 1e-6);
    }
    soft.close();
  });

  test("go no lower than e^-16, and no higher than 1", async () => {
    const path = written("limits");
    const bytes = packSoftTargets([
      { positions: 1, ids: Uint16Array.of(1, 2), logProbabilities: Float32Array.of(1e-4, -80) },
    ]);
    writeFileSync(`${path}.topk`, bytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const header = softTargetsHeader({ pairs: 1, targetTokens: 0, sha256: "x" }, { k: 2, sha256, massLost: 0 });
    writeFileSync(`${path}.topk.json`, JSON.stringify(header));
    const soft = await SoftTargets.open(path, { sha256: "x", targetOffsets: Uint32Array.of(0, 0) });
    const [highest, lowest] = soft.read(0).logProbabilities;
    expect(highest).toBeCloseTo(0, 10);
    expect(lowest).toBeCloseTo(-16, 3);
    soft.close();
  });

  test("fill a batch as targets are joined: the ends between sentences are left out", async () => {
    const soft = await SoftTargets.open(written("fill"), shard);
    const ids = new Int32Array(2 * 8).fill(-1);
    const logProbabilities = new Float32Array(2 * 8);
    expect(soft.fill(Uint32Array.of(0, 1, 2), ids, logProbabilities, 2)).toBe(2 + 0 + 2);
    const expected = [...rows[0]!.ids.slice(0, 4), ...rows[2]!.ids];
    expect([...ids]).toEqual([-1, -1, -1, -1, ...expected, -1, -1, -1, -1]);
    expect(logProbabilities[4]).toBeCloseTo(rows[0]!.logProbabilities[0]!, 3);
    expect(soft.fill([1], ids, logProbabilities, 0)).toBe(1);
    soft.close();
  });

  test.each<[string, (path: string) => void, string]>([
    ["short", (path) => truncateSync(`${path}.topk`, 10), ".topk has 10 bytes, its header says 48"],
    ["missing", (path) => rmSync(`${path}.topk`), ".topk cannot be read"],
    ["no-header", (path) => rmSync(`${path}.topk.json`), ".topk.json cannot be read"],
    ["bad-header", (path) => writeFileSync(`${path}.topk.json`, "{}"), ".topk.json: "],
    [
      "changed",
      (path) => writeFileSync(`${path}.topk`, readFileSync(`${path}.topk`).fill(7, 3, 4)),
      "does not have the sha256",
    ],
  ])("%s are refused", async (name, damage, message) => {
    const path = written(name);
    damage(path);
    const refused = SoftTargets.open(path, shard);
    await expect(refused).rejects.toThrow(ShardError);
    await expect(refused).rejects.toThrow(message);
  });

  test("of another shard are refused", async () => {
    const path = written("other");
    await expect(SoftTargets.open(path, { ...shard, sha256: "abd" })).rejects.toThrow("belongs to another");
    const longer = { sha256: "abc", targetOffsets: Uint32Array.of(0, 1) };
    await expect(SoftTargets.open(path, longer)).rejects.toThrow("belongs to another");
  });

  test("that are cut while they are read say so", async () => {
    const path = written("cut");
    const soft = await SoftTargets.open(path, shard);
    truncateSync(`${path}.topk`, 30);
    expect(() => soft.read(2)).toThrow(`${path}.topk ends at 30 bytes, within row 2`);
    soft.close();
  });
});
