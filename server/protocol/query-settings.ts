// A stream's settings from the query string, so that a client that only sends text needs no `start`.
import { type StreamSettings, settingsSchema } from "./client-messages.ts";
import { firstIssue } from "./first-issue.ts";

const BOOLEANS: readonly string[] = ["timings", "resume", "tentative"];

/**
 * The settings in a query string, or undefined where it has none and the stream waits for `start`.
 * Numbers and booleans are read from their text here, and only here.
 * @param query the part after `?`, without it
 * @throws ProtocolError `bad_request` naming the parameter
 */
export function parseQuerySettings(query: string): StreamSettings | undefined {
  const parameters = new URLSearchParams(query);
  const values: Record<string, unknown> = {};
  for (const name of new Set(parameters.keys())) {
    const given = parameters.getAll(name).filter((value) => value !== "");
    if (given.length === 0) continue;
    values[name] = given.length === 1 ? fromText(name, given[0]) : given;
  }
  if (Object.keys(values).length === 0) return undefined;
  const parsed = settingsSchema.safeParse(values, { reportInput: true });
  if (!parsed.success) throw firstIssue(parsed.error, "bad_request");
  return parsed.data;
}

function fromText(name: string, value: string): unknown {
  if (name === "wait" && /^\d{1,15}$/.test(value)) return Number(value);
  if (BOOLEANS.includes(name) && (value === "true" || value === "1")) return true;
  if (BOOLEANS.includes(name) && (value === "false" || value === "0")) return false;
  if ((name === "target" || name === "model") && value.includes(",")) return value.split(",");
  return value;
}
