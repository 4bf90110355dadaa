// What flags of the benchmarks hold, checked as they are parsed.
import { readFile } from "node:fs/promises";
import { type Command, InvalidArgumentError } from "commander";

/** Ends the command as wrong use. */
export function refuse(command: Command, message: string): never {
  return command.error(`error: ${message}`, { exitCode: 2, code: "souffleur.wrongUse" });
}

export function positiveNumber(value: string): number {
  const number = Number(value);
  if (!(number > 0 && Number.isFinite(number))) throw new InvalidArgumentError("It must be a number above 0.");
  return number;
}

export function notNegative(value: string): number {
  return value.trim() === "0" ? 0 : positiveNumber(value);
}

export function positiveInteger(value: string): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 1)
    throw new InvalidArgumentError("It must be a whole number of 1 or more.");
  return number;
}

export function positiveIntegers(value: string): number[] {
  return value.split(",").map(positiveInteger);
}

export function waitValue(value: string): number | "full" {
  return value === "full" ? value : positiveInteger(value);
}

export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/** The lines of `--text` that say something; undefined where the flag is left out. */
export async function sentencesOf(file: string | undefined): Promise<string[] | undefined> {
  if (file === undefined) return undefined;
  return (await readFile(file, "utf8")).split(/\r?\n/u).filter((line) => line.trim() !== "");
}
