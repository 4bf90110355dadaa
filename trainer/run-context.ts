// What a command of the trainer runs in: where data and work are, and what Ctrl-C and SIGTERM do.
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Recipe } from "./recipe.ts";
import type { StageContext, TorchExecutor } from "./stages/context.ts";

/** The flags that say where things are, and the environment behind them. */
export interface PlaceFlags {
  readonly data?: string;
  readonly work?: string;
  readonly quiet?: boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the package is to a command: where it is, and the variables it was called with. */
export interface PackageEnvironment {
  readonly root: string;
  readonly env: Environment;
}

/** The work folder: the flag's, else SOUFFLEUR_WORK's, else one in the user's cache. */
export const workFolder = (flags: PlaceFlags, env: Environment): string =>
  resolve(flags.work ?? env.SOUFFLEUR_WORK ?? join(homedir(), ".cache", "souffleur"));

/** A context for any recipe of a file: its corpus paths are relative to the file's folder unless a data folder is named. */
export type ContextOf = (recipe: Recipe) => StageContext;

/** Runs `work` with contexts whose signal the first Ctrl-C or SIGTERM aborts, so that the state is saved. */
export async function withContext<T>(
  file: string,
  flags: PlaceFlags,
  { root, env }: PackageEnvironment,
  work: (contextOf: ContextOf) => Promise<T>,
  torch?: TorchExecutor,
): Promise<T> {
  const data = resolve(flags.data ?? env.SOUFFLEUR_DATA ?? dirname(resolve(file)));
  return withSignals((signal) =>
    work((recipe) => ({
      recipe,
      data,
      work: workFolder(flags, env),
      shipped: join(root, "models"),
      torch,
      quiet: flags.quiet ?? false,
      signal,
      say: (text: string) => void process.stderr.write(`${text}\n`),
    })),
  );
}

/** Runs `work` with a signal that the first Ctrl-C or SIGTERM aborts; a second one ends the process at once. */
export async function withSignals<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(130); // asked a second time: at once, from the last checkpoint
    process.stderr.write("saving the state… (a second signal stops at once)\n");
    stop.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  try {
    return await work(stop.signal);
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}
