import { describe, expect, it } from "vitest";
import { ApiKeys, KeyFileError, makeKey, parseKeyFile, writeKeyFile } from "./api-keys.ts";

describe("API keys", () => {
  it("are known by what the file keeps of them, which is not the key", () => {
    const studio = makeKey("studio");
    const stage = makeKey("stage");
    const text = writeKeyFile([studio.record, stage.record]);
    expect(text).not.toContain(studio.key);
    expect(studio.key).toMatch(/^souffleur_[\w-]{43}$/);
    const keys = new ApiKeys(parseKeyFile(text));
    expect(keys.verify(studio.key)).toEqual({ key: "studio" });
    expect(keys.verify(stage.key)).toEqual({ key: "stage" });
    for (const wrong of ["", "studio", studio.record.sha256, studio.key.slice(0, -1), `${studio.key} `]) {
      expect(keys.verify(wrong)).toBeUndefined();
    }
  });

  it("are good until the file has them no more", () => {
    const { key, record } = makeKey("studio");
    const keys = new ApiKeys([record]);
    const holder = keys.verify(key);
    expect(holder && keys.stands(holder)).toBe(true);
    keys.replace([makeKey("other").record]);
    expect(keys.verify(key)).toBeUndefined();
    expect(holder && keys.stands(holder)).toBe(false);
  });

  it.each([
    ["{", "is not JSON"],
    ["{}", "keys "],
    ['{"keys":[{"name":"a b","sha256":""}]}', "keys.0.name must be 1 to 64 letters"],
    [`{"keys":[{"name":"a","sha256":"${"A".repeat(64)}"}]}`, "keys.0.sha256 must be a SHA-256"],
    ['{"keys":[{"name":"a","key":"souffleur_secret"}]}', "keys.0"],
    [writeKeyFile([makeKey("a").record, makeKey("a").record]), "two keys have the same name"],
  ])("refuse the file %j", (text, message) => {
    expect(() => parseKeyFile(text)).toThrow(KeyFileError);
    expect(() => parseKeyFile(text)).toThrow(message);
    expect(() => parseKeyFile(text)).not.toThrow("souffleur_secret");
  });

  it("need a name", () => {
    expect(() => makeKey("")).toThrow(KeyFileError);
  });
});
