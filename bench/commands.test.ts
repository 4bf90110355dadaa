// The commands' options as a user meets them.
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { registerBenchCommands } from "./commands.ts";

function program(): { program: Command; bench: Command } {
  const root = new Command("souffleur").exitOverride();
  const bench = registerBenchCommands(root, { env: {} });
  for (const command of [bench, ...bench.commands]) command.exitOverride().configureOutput({ writeErr: () => {} });
  return { program: root, bench };
}

function run(...words: string[]): Promise<Command> {
  return program().program.parseAsync(["bench", ...words], { from: "user" });
}

describe("bench", () => {
  it("has help for each benchmark", () => {
    const { bench } = program();
    expect(bench.commands.map((command) => command.name())).toEqual([
      "load",
      "sweep",
      "step",
      "train",
      "captions",
      "rooms",
      "compare",
    ]);
    for (const command of bench.commands) expect(command.helpInformation()).toContain("--json");
  });

  it.each([
    [["load", "--streams", "0"], "whole number of 1 or more"],
    [["load", "--streams", "2.5"], "whole number of 1 or more"],
    [["load", "--wpm", "-1"], "number above 0"],
    [["load", "--warmup", "-1"], "number above 0"],
    [["load", "--wait", "soon"], "whole number of 1 or more"],
    [["step", "--bundle", "x", "--batch", "1,,2"], "whole number of 1 or more"],
    [["train", "--against", "jax"], "Allowed choices are torch"],
    [["compare"], "required option '--bundle <dir>'"],
    [["compare", "--bundle", "x"], "give two bundles or more"],
    [["compare", "--bundle", "x", "--measure", "speed"], "none of throughput, latency, streams"],
    [["rooms", "--servers", "3"], "needs as many --processes"],
    [["rooms", "--servers", "2"], "name it, as in -- --nats"],
    [["sweep", "--transport", "tcp"], "none of uws, ws"],
    [["step"], "required option '--bundle <dir>'"],
  ])("refuses %j", async (words, message) => {
    await expect(run(...words)).rejects.toThrow(message);
  });

  it("refuses a load without anything to measure or to say", async () => {
    await expect(run("load", "--seconds", "3", "--warmup", "3")).rejects.toMatchObject({
      ...{ exitCode: 2, message: "error: --warmup 3 leaves nothing of --seconds 3" },
    });
    await expect(run("load", "--source", "fr")).rejects.toThrow('no text in "fr" comes with the benchmark: give one');
  });
});
