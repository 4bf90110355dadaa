// The built command line as a process of its own, for tests of signals and of whole runs.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const PROGRAM = join(import.meta.dirname, "..", "dist", "cli", "main.js");

/** Tests of it are skipped, visibly, where nothing is built. */
export const isBuilt = existsSync(PROGRAM);

export const RECIPES = join(import.meta.dirname, "recipes");

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

/** A signal, and what to wait for before it is sent. */
export interface Stop {
  readonly signal: NodeJS.Signals;
  readonly when: () => boolean;
}

/** Runs a command to its end. */
export async function souffleur(
  argv: readonly string[],
  options: { readonly input?: string; readonly stop?: Stop } = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [PROGRAM, ...argv]);
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.stdin.end(options.input ?? "");
  const closed = once(child, "close");
  const { stop } = options;
  if (stop) {
    while (child.exitCode === null && !stop.when()) await pause(2);
    child.kill(stop.signal);
  }
  await closed;
  return { code: child.exitCode, signal: child.signalCode, output, errors };
}

/** The same for a command that must end well. @throws Error with what it said when it does not. */
export async function souffleurDone(argv: readonly string[], input?: string): Promise<Finished> {
  const finished = await souffleur(argv, { input });
  if (finished.code !== 0)
    throw new Error(`souffleur ${argv.join(" ")}: exit code ${finished.code}\n${finished.errors}`);
  return finished;
}
