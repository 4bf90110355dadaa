import { describe, expect, it } from "vitest";
import { z } from "zod";
import { describeSettings, duration, formatDuration, formatValue, readValue, settingTexts } from "./setting.ts";

const texts = { meaning: "m", past: "p", value: "v" };
const shape = {
  graceMs: duration({ least: 1000 }).default(90_000).register(settingTexts, texts),
  origins: z
    .array(z.string())
    .optional()
    .register(settingTexts, { ...texts, byDefault: "all" }),
  openDoor: z
    .boolean()
    .default(false)
    .register(settingTexts, { ...texts, flag: "-o, --open-door", env: ["DOOR"] }),
  signingKey: z
    .string()
    .optional()
    .register(settingTexts, { ...texts, secret: true }),
};

describe("describeSettings", () => {
  it("derives names, kinds and defaults from the schema", () => {
    expect(describeSettings(shape)).toMatchObject([
      {
        key: "graceMs",
        name: "grace",
        flag: "--grace",
        env: ["SOUFFLEUR_GRACE"],
        kind: "duration",
        defaultText: "90s",
      },
      { key: "origins", flag: "--origins", kind: "list", default: undefined, defaultText: "all" },
      { flag: "-o, --open-door", env: ["SOUFFLEUR_OPEN_DOOR", "DOOR"], kind: "boolean", defaultText: "false" },
      { key: "signingKey", name: "signingKey", env: ["SOUFFLEUR_SIGNING_KEY"], kind: "text", secret: true },
    ]);
  });

  it("has no setting without texts, and none that no flag can give", () => {
    expect(() => describeSettings({ bare: z.string() })).toThrow("the setting bare has no texts");
    const odd = z.map(z.string(), z.string()).register(settingTexts, texts);
    expect(() => describeSettings({ odd })).toThrow("the setting odd is of a kind that no flag can give");
  });

  it("never shows a secret", () => {
    const secret = describeSettings(shape).find(({ key }) => key === "signingKey");
    expect(secret && formatValue(secret, "hunter2")).toBe("(redacted)");
    expect(secret && formatValue(secret, undefined)).toBe("");
  });
});

describe("readValue", () => {
  it.each([
    ["duration", "90", 90_000],
    ["duration", "1.5s", 1500],
    ["duration", "250ms", 250],
    ["duration", "5m", 300_000],
    ["duration", "1h", 3_600_000],
    ["duration", "soon", "soon"],
    ["duration", "5 days", "5 days"],
    ["number", "12", 12],
    ["number", "0x12", "0x12"],
    ["boolean", "true", true],
    ["boolean", "yes", "yes"],
    ["list", "a, b", ["a", "b"]],
    ["text", "12", "12"],
  ] as const)("%s %s", (kind, text, value) => {
    expect(readValue({ kind }, text)).toEqual(value);
  });

  it("reads what is shown", () => {
    for (const ms of [0, 1, 999, 1000, 90_000]) expect(readValue({ kind: "duration" }, formatDuration(ms))).toBe(ms);
  });
});

it("a duration says how it is written", () => {
  const problem = duration({ least: 1000 }).safeParse(5).error?.issues[0].message;
  expect(problem).toBe("must be a duration of 1s or more: seconds, or a number with ms, s, m or h, such as 90s");
});
