import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ShardError } from "../corpus/shard.ts";
import { explainFault, StageFault } from "./stage-fault.ts";

const folder = mkdtempSync(join(tmpdir(), "souffleur-fault-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const failure = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: write`), { code, ...(path && { path }) });

describe("a full disk", () => {
  test.each(["ENOSPC", "EDQUOT"])("%s names the file, the free space and what is kept", (code) => {
    const explained = explainFault(failure(code, "/somewhere/state.safetensors"), folder);
    expect(explained).toBeInstanceOf(StageFault);
    expect(String(explained)).toMatch(
      /the disk is full: \/somewhere\/state\.safetensors could not be written \(\d+ MB are free\)\. What was saved before is kept/,
    );
  });

  test("names the work folder where the system names no file", () => {
    expect(String(explainFault(failure("ENOSPC"), folder))).toContain(`${folder} could not be written`);
  });
});

describe("a damaged shard", () => {
  test("names the stage's folder, which is to be removed", () => {
    const path = join(folder, "prepare-0123456789ab", "corpus", "train", "talk");
    const explained = explainFault(new ShardError(`${path}.shard is short`, path), folder);
    expect(explained).toBeInstanceOf(StageFault);
    expect(String(explained)).toContain(
      `${path}.shard is short. Remove ${join(folder, "prepare-0123456789ab")} and run the same command: it is made again`,
    );
  });

  test("of another folder is named without one", () => {
    const explained = explainFault(new ShardError("/elsewhere/talk.shard is short", "/elsewhere/talk"), folder);
    expect(String(explained)).toContain("/elsewhere/talk.shard is short. Make it again");
  });
});

test("any other error stays what it is", () => {
  for (const error of [failure("EACCES"), new ShardError("two lengths"), new TypeError("x"), "text"])
    expect(explainFault(error, folder)).toBe(error);
});
