// docs/operating.md against the program: every setting with its texts, every metric with its type and labels.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { StandInModel } from "../models/stand-in-model.ts";
import { InProcessEngine } from "../server/engine/in-process-engine.ts";
import { Metrics } from "../server/metrics.ts";
import { SERVER_SETTINGS } from "../server/settings.ts";
import { contentOf } from "./tracked-files.ts";

/** The cells of every table row of the page, its code marks taken off. */
const rows = readFileSync(new URL("../docs/operating.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));

describe("docs/operating.md", () => {
  it("has a row for every setting, as the schema has it, in its order", () => {
    const documented = rows
      .filter(([, name, flag]) => name !== "" && flag?.includes("--"))
      .map((cells) => cells.slice(1, -1));
    const wanted = SERVER_SETTINGS.map(({ name, flag, value, defaultText, meaning, past }) =>
      [name, `${flag} <${value}>`, defaultText, meaning, past].map((cell) => cell.replaceAll("`", "")),
    );
    expect(documented).toEqual(wanted);
  });

  it("has every metric, and no other", async () => {
    const engine = new InProcessEngine({ models: [{ name: "m", runner: new StandInModel({ vocabularySize: 40 }) }] });
    const text = await new Metrics({
      engine,
      backpressureBytes: () => 0,
      ready: () => true,
      maxSessions: 1,
      detachedSessions: () => 2,
    }).text();
    const types = [...text.matchAll(/^# TYPE (souffleur_\w+) (\w+)$/gm)].map(([, name, type]) => [name, type]);
    const documented = rows.filter(([, name]) => name.startsWith("souffleur_")).map(([, name, type]) => [name, type]);
    expect(documented.sort()).toEqual(types.sort());
  });

  it("has every alert with its severity, and no other", () => {
    const alerts = z.looseObject({ alert: z.string(), labels: z.object({ severity: z.string() }) });
    const file = z.object({ groups: z.tuple([z.object({ rules: z.array(alerts) })]) });
    const { groups } = file.parse(parse(contentOf("deploy/prometheus/alerts.rules.yaml")));
    const documented = rows
      .filter(([, name]) => /^Souffleur[A-Z]/.test(name))
      .map(([, name, severity]) => [name, severity]);
    expect(documented).toEqual(groups[0].rules.map(({ alert, labels }) => [alert, labels.severity]));
  });
});
