import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CLOSE_CODES, ERROR_RULES } from "./close-codes.ts";

const page = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");

describe("docs/protocol.md", () => {
  it.each(Object.entries(ERROR_RULES))("has the error %s as it is", (code, rule) => {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${code}\` |`));
    expect(row).toContain(`| ${rule.fatal ? "yes" : "no"} |`);
    expect(row).toContain(`| ${rule.status} |`);
    if (rule.fatal) expect(row).toContain(`| ${rule.close} |`);
  });

  it.each(Object.entries(CLOSE_CODES))("has the close code %s as it is", (code, { reconnect }) => {
    const row = page.split("\n").find((line) => line.startsWith(`| ${code} |`));
    expect(row).toMatch(reconnect ? /\| yes[^|]*\|$/ : /\| no[^|]*\|$/);
  });
});
