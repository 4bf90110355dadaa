// The server's log: JSON lines that name sessions and never hold a user's text, a key or a token.
import { type DestinationStream, type Logger, pino } from "pino";
import type { ResolvedServerSettings } from "./settings.ts";

/** What is never written, wherever a line would have it: keys that let someone in, and what users say. */
const CENSORED = ["authorization", "cookie", "key", "keys", "query", "text", "token"];
export const CENSOR = "(redacted)";

/**
 * A log of lines with `level` (a word), `time` (ISO 8601), `pid`, `msg` and the fields of each. An error that is logged
 * becomes its type and its stack without its message: what a message quotes is not known.
 * @param destination standard error where it is left out
 */
export function makeLog(
  level: ResolvedServerSettings["logLevel"],
  destination: DestinationStream = pino.destination(2),
): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: CENSORED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: CENSOR },
      serializers: { err: describeFault, error: describeFault },
      hooks: {
        logMethod([first, ...rest], method) {
          // Pino takes the message of an error that stands alone as the line's own.
          if (first instanceof Error) method.apply(this, [describeFault(first), "a fault"]);
          else method.apply(this, [first, ...rest]);
        },
      },
    },
    destination,
  );
}

/** A fault's type and place, without its message: that may hold a user's text. */
export function describeFault(error: unknown): { fault: string; stack?: string } {
  if (!(error instanceof Error)) return { fault: typeof error };
  const frames = error.stack?.split("\n").filter((line) => line.trimStart().startsWith("at "));
  return { fault: error.name, stack: frames?.join("\n") };
}
