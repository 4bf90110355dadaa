// docs/operating.md against the program: every flag of `serve` with its default, every metric with its type and labels.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { makeProgram } from "../cli/program.ts";
import { StandInModel } from "../models/stand-in-model.ts";
import { InProcessEngine } from "../server/engine/in-process-engine.ts";
import { Metrics } from "../server/metrics.ts";

/** The cells of every table row of the page, its code marks taken off. */
const rows = readFileSync(new URL("../docs/operating.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));

const cellsOf = (name: string): string[] => rows.find((cells) => cells[1] === name) ?? [];

describe("docs/operating.md", () => {
  const serve = makeProgram().commands.find((command) => command.name() === "serve");
  const flags = (serve?.options ?? []).map(({ flags, defaultValue }) => [flags, defaultValue] as const);

  it.each(flags)("has serve's %s", (flag, byDefault) => {
    const [, , documented] = cellsOf(flag);
    expect(documented).toBeDefined();
    if (byDefault !== undefined) expect(documented.split(", ")[0]).toBe(String(byDefault));
  });

  it("has every metric, and no other", async () => {
    const engine = new InProcessEngine({ models: [{ name: "m", runner: new StandInModel({ vocabularySize: 40 }) }] });
    const text = await new Metrics({ engine, backpressureBytes: () => 0 }).text();
    const types = [...text.matchAll(/^# TYPE (souffleur_\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]);
    const documented = rows.filter(([, name]) => name.startsWith("souffleur_")).map(([, name, type]) => [name, type]);
    expect(documented.sort()).toEqual(types.sort());
  });
});
