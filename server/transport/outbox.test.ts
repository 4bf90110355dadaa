import { describe, expect, it } from "vitest";
import { OUTBOX_MAX_BYTES, SLOW_CLOSE_MS, SLOW_CONSUMER_MS } from "../protocol/limits.ts";
import { Outbox } from "./outbox.ts";

function setUp() {
  const clock = { ms: 0 };
  const connection = {
    bufferedBytes: 0,
    send(frame: string) {
      // Two bytes of framing, as a transport would count them.
      this.bufferedBytes += Buffer.byteLength(frame) + 2;
    },
    close: () => undefined,
    subscribe: () => undefined,
  };
  return { clock, connection, outbox: new Outbox(connection, () => clock.ms) };
}

describe("Outbox", () => {
  it("lets no more wait than its limit, whatever the size of a frame, and has room for the last words", () => {
    const { connection, outbox } = setUp();
    const frame = "ü".repeat(50_000);
    let slow: string | undefined;
    while (slow === undefined) slow = outbox.send(frame);
    expect(slow).toContain("more than 1048576 bytes");
    expect(connection.bufferedBytes).toBeGreaterThan(OUTBOX_MAX_BYTES - 102_000);
    outbox.sendLast("x".repeat(500));
    expect(connection.bufferedBytes).toBeLessThanOrEqual(OUTBOX_MAX_BYTES);
    expect(setUp().outbox.send("x".repeat(2 * OUTBOX_MAX_BYTES))).toBeDefined();
  });

  it("ends with a stalled client within ten seconds, looked at once a second", () => {
    expect(SLOW_CONSUMER_MS + SLOW_CLOSE_MS + 1_000).toBeLessThanOrEqual(10_000);
  });

  it("finds out who takes nothing for five seconds, and only while something waits", () => {
    const { clock, connection, outbox } = setUp();
    clock.ms = 60_000;
    expect(outbox.stalled()).toBeUndefined();
    outbox.send("x".repeat(1000));
    clock.ms = 61_000;
    expect(outbox.stalled()).toBeUndefined();
    // More that is sent is no sign of life.
    outbox.send("x".repeat(1000));
    clock.ms = 64_999;
    expect(outbox.stalled()).toBeUndefined();
    clock.ms = 65_001;
    expect(outbox.stalled()).toContain("nothing was read for 5 seconds while 2004 bytes waited");
    connection.bufferedBytes -= 100;
    expect(outbox.stalled()).toBeUndefined();
    clock.ms = 69_000;
    expect(outbox.stalled()).toBeUndefined();
    connection.bufferedBytes = 0;
    clock.ms = 900_000;
    expect(outbox.stalled()).toBeUndefined();
  });
});
