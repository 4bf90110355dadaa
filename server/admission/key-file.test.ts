import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KeyFileError, makeKey, writeKeyFile } from "./api-keys.ts";
import { KeyFile } from "./key-file.ts";

describe("KeyFile", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "souffleur-keys-"));
    path = join(folder, "keys.json");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function open() {
    const told: string[] = [];
    const file = new KeyFile(path, {
      changed: (count) => told.push(`${count} keys`),
      broken: (reason) => told.push(reason.replace(folder, "")),
    });
    return { file, told };
  }

  it("takes what is added and drops what is removed", () => {
    const [first, second] = [makeKey("first"), makeKey("second")];
    writeFileSync(path, writeKeyFile([first.record]));
    const { file, told } = open();
    writeFileSync(path, writeKeyFile([second.record]));
    file.reload();
    file.reload();
    expect(told).toEqual(["1 keys"]);
    expect(file.keys.verify(first.key)).toBeUndefined();
    expect(file.keys.verify(second.key)).toEqual({ key: "second" });
  });

  it("keeps the keys that it has while the file is broken or gone", () => {
    const { key, record } = makeKey("studio");
    writeFileSync(path, writeKeyFile([record]));
    const { file, told } = open();
    writeFileSync(path, '{"keys":[{"name":"studio"');
    file.reload();
    rmSync(path);
    file.reload();
    expect(told).toEqual(["key file /keys.json: is not JSON", "key file /keys.json cannot be read (ENOENT)"]);
    expect(file.keys.verify(key)).toEqual({ key: "studio" });
    writeFileSync(path, writeKeyFile([]));
    file.reload();
    expect(file.keys.verify(key)).toBeUndefined();
  });

  it("does not start without a file that holds", () => {
    expect(open).toThrow(KeyFileError);
  });
});
