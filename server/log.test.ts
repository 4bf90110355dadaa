import { describe, expect, it } from "vitest";
import { CENSOR, makeLog } from "./log.ts";

/** A log, and its lines as they are written. */
function watched(level: "debug" | "info" = "debug") {
  const lines: string[] = [];
  const log = makeLog(level, { write: (line) => void lines.push(line) });
  return { log, lines, last: (): unknown => JSON.parse(lines.at(-1) ?? "null") };
}

describe("the log", () => {
  it("has lines of JSON with level, time, session and message", () => {
    const { log, lines, last } = watched("info");
    log.info({ session: "s-1", pair: "en-de" }, "session opened");
    expect(last()).toMatchObject({ level: "info", pid: process.pid, session: "s-1", msg: "session opened" });
    expect(last()).toHaveProperty("time", expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/));
    log.debug("not asked for");
    expect(lines).toHaveLength(1);
  });

  it("writes no key, token or text, at the top or inside", () => {
    const { log, lines, last } = watched();
    const hidden = { authorization: "hush", key: "hush", token: "hush", query: "hush", text: "hush", cookie: "hush" };
    log.info({ ...hidden, request: { ...hidden, headers: hidden } }, "odd");
    expect(lines.join("")).not.toContain("hush");
    expect(last()).toMatchObject({ key: CENSOR, request: { token: CENSOR, headers: { authorization: CENSOR } } });
  });

  it("tells of a fault without its message, which may quote a user", () => {
    const { log, lines, last } = watched();
    const fault = new RangeError("hush: what they said");
    log.error({ err: fault, session: "s-1" }, "a fault ended a session");
    expect(last()).toMatchObject({ session: "s-1", err: { fault: "RangeError" } });
    log.error(fault);
    expect(last()).toMatchObject({ fault: "RangeError", msg: "a fault" });
    log.error({ error: "hush" }, "thrown text");
    expect(lines.join("")).toContain("log.test.ts");
    expect(lines.join("")).not.toContain("hush");
  });
});
