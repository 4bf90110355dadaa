// Option values from their text, with a message for what does not fit.
import { InvalidArgumentError } from "commander";
import type { Wait } from "../models/wait.ts";

/** Tokens behind, or "full". */
export function parseWait(text: string): Wait {
  if (text === "full") return "full";
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('It must be a whole number of 1 or more (tokens behind), or "full".');
  }
  return value;
}
