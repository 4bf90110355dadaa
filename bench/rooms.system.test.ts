import { expect, it } from "vitest";
import { benchRooms, formatRoomsResult } from "./rooms.ts";

it("times every delta at every viewer", async () => {
  const options = {
    viewers: 60,
    processes: 2,
    servers: 1,
    wordsPerMinute: 600,
    seconds: 3,
    source: "en",
    target: "de",
  };
  const result = await benchRooms({ ...options, serveArguments: ["--workers", "1", "--bundle", "models/en-de"] });
  const { latencyMs, frames, missed, cutOff, lastSeq, leastSeq } = result;
  expect(lastSeq).toBeGreaterThan(8);
  expect([missed, cutOff, leastSeq]).toEqual([0, 0, lastSeq]);
  expect(frames).toBeGreaterThanOrEqual(60 * lastSeq);
  expect(latencyMs?.count).toBeGreaterThan(60 * 5);
  expect(formatRoomsResult(result)).toContain(`every viewer has ${lastSeq} of ${lastSeq}`);
});
