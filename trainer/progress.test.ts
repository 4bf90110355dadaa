import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { progressReporter, silentProgress } from "./progress.ts";

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

/** A stream, and what was written to it since the last look. */
function output(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 200 });
  return { stream, text: () => String(stream.read() ?? "") };
}

/** The last line that a bar drew. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's sequences
const drawn = (text: string) => text.split(/\u001b\[[\d;?]*[A-Za-z]/).findLast((part) => part.includes("%")) ?? "";

describe("progress as lines", () => {
  test("one in ten seconds, and the last one at once", () => {
    const { stream, text } = output(false);
    const progress = progressReporter("teacher", 100, "steps", stream);
    progress.update(10, { loss: "2.1" });
    expect(text()).toBe("teacher: 10/100 steps  loss 2.1\n");
    vi.advanceTimersByTime(5_000);
    progress.update(20, {});
    expect(text()).toBe("");
    vi.advanceTimersByTime(5_000);
    progress.update(30, { loss: "1.9", epoch: 0 });
    expect(text()).toBe("teacher: 30/100 steps  2 steps/s  35 s left  loss 1.9  epoch 0\n");
    progress.update(100, {});
    expect(text()).toContain("teacher: 100/100 steps");
    progress.note("step 100: bleu 20.00");
    expect(text()).toBe("teacher: step 100: bleu 20.00\n");
    progress.stop();
    expect(text()).toBe("");
  });

  test("time left is reckoned from what this run has done, not from what it found done", () => {
    const { stream, text } = output(false);
    const progress = progressReporter("teacher", 4_000, "steps", stream);
    vi.advanceTimersByTime(60_000); // the checkpoint is read, the session is made
    progress.update(3_000, {});
    expect(text()).toBe("teacher: 3000/4000 steps\n");
    vi.advanceTimersByTime(10_000);
    progress.update(3_005, {});
    expect(text()).toBe("teacher: 3005/4000 steps  0.5 steps/s  33 min 10 s left\n");
  });

  test("rates and times in numbers that can be read", () => {
    const { stream, text } = output(false);
    const progress = progressReporter("distill", 10_000_000, "sentences", stream);
    progress.update(0, {});
    text();
    vi.advanceTimersByTime(10_000);
    progress.update(12_345, {});
    expect(text()).toBe("distill: 12345/10000000 sentences  1235 sentences/s  2 h 14 min left\n");
  });
});

describe("progress as a bar", () => {
  test("with rate and time left from what this run has done", () => {
    const { stream, text } = output(true);
    const progress = progressReporter("student", 4_000, "steps", stream);
    expect(text()).toBe("");
    vi.advanceTimersByTime(60_000);
    progress.update(3_000, { loss: "2.1" });
    expect(drawn(text())).toMatch(/^student \[.*\] 75% {2}3000\/4000 steps {4}loss 2.1/);
    vi.advanceTimersByTime(10_000);
    progress.update(3_005, { loss: "2.0" });
    vi.advanceTimersByTime(1_000); // it is drawn a few times a second
    expect(drawn(text())).toContain("3005/4000 steps  0.5 steps/s  33 min 10 s left  loss 2.0");
    progress.note("step 3005: bleu 20.00");
    expect(text()).toContain("\nstudent: step 3005: bleu 20.00\n");
    progress.stop();
  });

  test("can be stopped before it has begun", () => {
    const { stream, text } = output(true);
    progressReporter("student", 10, "steps", stream).stop();
    expect(text()).not.toContain("student");
  });
});

test("silence", () => {
  const write = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  silentProgress.update(1, { loss: 1 });
  silentProgress.note("a");
  silentProgress.stop();
  expect(write).not.toHaveBeenCalled();
  write.mockRestore();
});
