// Option values from their text, with a message for what does not fit.
import { InvalidArgumentError } from "commander";
import type { Wait } from "../models/wait.ts";

/** A parser for whole numbers of a range, both ends included. */
export function parseInteger(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Tokens behind, or "full". */
export function parseWait(text: string): Wait {
  if (text === "full") return "full";
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError('It must be a whole number of 1 or more (tokens behind), or "full".');
  }
  return value;
}
