// `souffleur bench rooms`: how late thousands of viewers of one room are.
import type { Command } from "commander";
import { positiveInteger, positiveNumber, refuse } from "./flag-values.ts";
import { benchRooms, formatRoomsResult } from "./rooms.ts";

interface RoomsFlags {
  viewers: number;
  processes: number;
  servers: number;
  wpm: number;
  seconds: number;
  source: string;
  target: string;
  json?: boolean;
}

export function addRooms(bench: Command): void {
  bench
    .command("rooms")
    .description("let one speak in a room and measure how late thousands of viewers are")
    .argument("[serve-arguments...]", "after --: passed on to `serve`")
    .option("--viewers <n>", "viewers of the room, each on a WebSocket of its own", positiveInteger, 10_000)
    .option("--processes <n>", "processes that they are shared out to", positiveInteger, 2)
    .option("--servers <n>", "servers of the room; of several, NATS between them is named after --", positiveInteger, 1)
    .option("--wpm <n>", "words a minute of the speaker", positiveNumber, 150)
    .option("--seconds <n>", "how long it speaks", positiveNumber, 60)
    .option("--source <language>", "language spoken", "en")
    .option("--target <language>", "language watched", "de")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
The latency is from when the room takes a delta to when a viewer's process has it, over all viewers and deltas. Viewers and
server share the machine. Each viewer is an open file at both ends: \`ulimit -n\` bounds a process's share.
It fails (exit code 1) when a viewer was cut off or missed a frame.

Examples:
  souffleur bench rooms
  souffleur bench rooms --viewers 1000 --seconds 20 -- --transport ws
  souffleur bench rooms --servers 2 -- --nats nats://localhost:4222`,
    )
    .action(async (serveArguments: string[], { wpm, json, ...options }: RoomsFlags, command: Command) => {
      const { servers, processes } = options;
      if (servers > processes) refuse(command, `--servers ${servers} needs as many --processes at least`);
      if (servers > 1 && !serveArguments.some((one) => one.startsWith("--nats"))) {
        refuse(command, "several servers share a room over NATS: name it, as in -- --nats nats://localhost:4222");
      }
      const asked = { ...options, wordsPerMinute: wpm, serveArguments };
      const result = await benchRooms(asked, (line) => console.error(line));
      console.log(json ? JSON.stringify(result, null, 2) : formatRoomsResult(result));
      const { cutOff, missed, leastSeq, lastSeq } = result;
      if (cutOff > 0 || missed > 0 || leastSeq !== lastSeq) throw new Error("not every viewer had everything");
    });
}
