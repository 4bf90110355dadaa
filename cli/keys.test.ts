import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiKeys, parseKeyFile } from "../server/admission/api-keys.ts";
import { run } from "./program.ts";

describe("souffleur keys", () => {
  let folder: string;
  let file: string;
  let output = "";
  let errors = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "souffleur-keys-"));
    file = join(folder, "keys.json");
    output = "";
    errors = "";
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      output += text;
      return true;
    });
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      errors += text;
      return true;
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  it("makes keys that a server knows, lists them, and takes one back", async () => {
    expect(await run(["keys", "add", "studio", "--file", file])).toBe(0);
    const key = output.trim();
    expect(await run(["keys", "add", "stage", "--file", file])).toBe(0);
    output = "";
    expect(await run(["keys", "list", "--file", file])).toBe(0);
    expect(output).toBe("studio\nstage\n");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const records = parseKeyFile(readFileSync(file, "utf8"));
    expect(new ApiKeys(records).verify(key)).toEqual({ key: "studio" });
    expect(await run(["keys", "remove", "studio", "--file", file])).toBe(0);
    expect(parseKeyFile(readFileSync(file, "utf8")).map(({ name }) => name)).toEqual(["stage"]);
  });

  it.each([
    [["add", "a b"], "the name must be"],
    [["add", "twice"], "has a key named twice already"],
    [["remove", "nobody"], "has no key named nobody"],
  ])("%j is wrong use", async (argv, message) => {
    await run(["keys", "add", "twice", "--file", file]);
    expect(await run(["keys", ...argv, "--file", file])).toBe(2);
    expect(errors).toContain(message);
  });

  it("names a file that is none, and one that is broken", async () => {
    expect(await run(["keys", "list", "--file", file])).toBe(2);
    expect(errors).toContain("there is no key file");
    writeFileSync(file, "{");
    expect(await run(["keys", "list", "--file", file])).toBe(2);
    expect(errors).toContain("is not JSON");
  });
});
