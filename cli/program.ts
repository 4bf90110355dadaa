// Every group of commands of `souffleur`, and what errors become.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { z } from "zod";
import { registerBenchCommands } from "../bench/commands.ts";
import { PACKAGE_ROOT, SettingsError } from "../server/settings.ts";
import { registerTrainerCommands } from "../trainer/commands.ts";
import { registerCaptions } from "./captions.ts";
import { EXIT_CODES, exitCodeOf } from "./exit.ts";
import { registerKeys } from "./keys.ts";
import { registerModels } from "./models.ts";
import { registerServe } from "./serve.ts";
import { registerTranslate } from "./translate.ts";

/** The whole command line, without running it. */
export function makeProgram(): Command {
  const program = new Command("souffleur")
    .description("Simultaneous translation of streaming text: the server, and the trainer that makes its models")
    .version(packageVersion())
    .showHelpAfterError("(see --help)")
    .exitOverride();
  registerServe(program, { env: process.env });
  registerTranslate(program);
  registerCaptions(program);
  registerModels(program);
  registerKeys(program);
  registerTrainerCommands(program, { root: PACKAGE_ROOT, version: packageVersion(), env: process.env });
  registerBenchCommands(program, { env: process.env });
  return program;
}

/** Runs a command line, and gives its exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await makeProgram().parseAsync(argv, { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : EXIT_CODES.done;
  } catch (error) {
    // Commander has said what is wrong, or has shown the help or the version that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.done : EXIT_CODES.wrongUse;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`souffleur: ${message}\n`);
    if (error instanceof SettingsError) return EXIT_CODES.wrongUse;
    return exitCodeOf(error);
  }
}

function packageVersion(): string {
  const value: unknown = JSON.parse(readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8"));
  return z.object({ version: z.string() }).parse(value).version;
}
