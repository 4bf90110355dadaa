import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CLOSE_CODES, ERROR_RULES } from "./close-codes.ts";

/** The cells of every table row of the page. */
const rows = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) => line.split("|").map((cell) => cell.trim()));

describe("docs/protocol.md", () => {
  it.each(Object.entries(ERROR_RULES))("has the error %s as it is", (code, rule) => {
    const [, , fatal, close, status] = rows.find((cells) => cells[1] === `\`${code}\``) ?? [];
    expect([fatal, status]).toEqual([rule.fatal ? "yes" : "no", String(rule.status)]);
    if (rule.fatal) expect(close).toBe(String(rule.close));
  });

  it.each(Object.entries(CLOSE_CODES))("has the close code %s as it is", (code, { reconnect }) => {
    const [, , , again] = rows.find((cells) => cells[1] === code) ?? [];
    expect(again).toMatch(reconnect ? /^yes/ : /^no/);
  });
});
