import { afterEach, describe, expect, it, vi } from "vitest";
import { makeProgram, run } from "./program.ts";

describe("souffleur", () => {
  let errors = "";
  let output = "";
  const watch = () => {
    errors = "";
    output = "";
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      errors += text;
      return true;
    });
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      output += text;
      return true;
    });
  };
  afterEach(() => void vi.restoreAllMocks());

  it("has help with examples for every command of its own", async () => {
    for (const name of ["serve", "translate", "models"]) {
      watch();
      expect(await run([name, "--help"])).toBe(0);
      expect(output).toContain(`$ souffleur ${name}`);
      vi.restoreAllMocks();
    }
  });

  it.each([
    [["serve", "--port", "eighty"], "whole number"],
    [["serve", "--transport", "tcp"], "--transport: transport must be auto, uws or ws"],
    [["serve", "--config", "/nowhere/at-all.yaml"], "/nowhere/at-all.yaml: cannot be read"],
    [["serve", "--bundle", "/nowhere/at-all"], "there is no bundle in /nowhere/at-all"],
    [["translate", "--bundle", "/nowhere/at-all"], "there is no bundle in /nowhere/at-all"],
    [["translate", "--wait", "0"], "whole number of 1 or more"],
    [["models", "/nowhere/at-all"], "there is no bundle in /nowhere/at-all"],
    [["train", "/nowhere/at-all.yaml"], "/nowhere/at-all.yaml: cannot be read"],
    [["evaluate", "--bundle", "/nowhere/at-all"], "There is no bundle in /nowhere/at-all"],
    [["sing"], "unknown command"],
    [["serve", "--sing"], "unknown option"],
  ])("%j is wrong use", async (argv, message) => {
    watch();
    expect(await run(argv)).toBe(2);
    expect(errors).toContain(message);
  });

  it("shows its version", async () => {
    watch();
    expect(await run(["--version"])).toBe(0);
    expect(output).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("names each command once", () => {
    const names = makeProgram().commands.map((command) => command.name());
    expect(new Set(names).size).toBe(names.length);
  });
});
