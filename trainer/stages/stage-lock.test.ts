import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StageLock, StageLocked, withStageLock } from "./stage-lock.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "souffleur-lock-"));
  file = join(folder, "lock.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const owned = (owner: { pid: number; host?: string; started?: string | null }) =>
  writeFileSync(file, JSON.stringify({ host: hostname(), started: null, ...owner }));

function untouchedFor(ms: number): void {
  const then = new Date(Date.now() - ms);
  utimesSync(file, then, then);
}

/** The id of a process that has ended. */
async function deadProcess(): Promise<number> {
  const child = spawn(process.execPath, ["--version"]);
  await once(child, "close");
  return child.pid!;
}

describe("a stage's lock", () => {
  test("is held by one run at a time", () => {
    const lock = StageLock.take(folder);
    expect(() => StageLock.take(folder)).toThrow(StageLocked);
    expect(() => StageLock.take(folder)).toThrow(`${folder} is being written by process ${process.pid}:`);
    lock.release();
    expect(existsSync(file)).toBe(false);
    StageLock.take(folder).release();
  });

  test("is given back when the work is done, and when it fails", async () => {
    expect(await withStageLock(folder, async () => existsSync(file))).toBe(true);
    await expect(withStageLock(folder, () => Promise.reject(new Error("broke")))).rejects.toThrow("broke");
    expect(existsSync(file)).toBe(false);
  });

  test("of a dead process is taken over", async () => {
    owned({ pid: await deadProcess() });
    const lock = StageLock.take(folder);
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });
    lock.release();
  });

  test.skipIf(process.platform !== "linux")("of an earlier process with the same id is taken over", () => {
    owned({ pid: process.ppid, started: "1" });
    StageLock.take(folder).release();
    owned({ pid: process.ppid });
    expect(() => StageLock.take(folder)).toThrow(`process ${process.ppid}:`);
  });

  test("that a kill cut short is taken over", () => {
    writeFileSync(file, '{"pid":1');
    expect(() => StageLock.take(folder), "it may be on its way").toThrow("by another run");
    untouchedFor(6_000);
    StageLock.take(folder).release();
  });

  test("of another machine stands while it is touched, and for five minutes more", async () => {
    owned({ pid: await deadProcess(), host: "elsewhere" });
    expect(() => StageLock.take(folder)).toThrow("on elsewhere");
    untouchedFor(6 * 60_000);
    StageLock.take(folder).release();
  });

  test("in a folder that is not there is an error of its own", () => {
    expect(() => StageLock.take(join(folder, "nowhere"))).toThrow("ENOENT");
  });
});
