// `souffleur join`: lends a machine's processes to the training that another machine runs.
import type { Command } from "commander";
import { addProcessOptions, ExecutorError, type ExecutorFlags, processSettings } from "./executor-options.ts";
import { type Environment, withSignals } from "./run-context.ts";
import { joinTraining } from "./training/torch-process.ts";

const HELP = `
Machine 0 trains one stage, the others join it; all of them get the same --nodes and --master:

  machine 0:  souffleur teacher en-de --executor torch --nodes 2 --node 0 --master trainer-0:29500
  machine 1:  souffleur join --nodes 2 --node 1 --master trainer-0:29500

Data, checkpoints and validation are machine 0's. \`join\` ends when that stage's training ends.`;

export function registerJoin(program: Command, { env }: { readonly env: Environment }): void {
  const command = program
    .command("join")
    .description("lend this machine's PyTorch processes to the training that machine 0 runs with --executor torch");
  addProcessOptions(command)
    .addHelpText("after", HELP)
    .action(async (flags: ExecutorFlags) => {
      const settings = await processSettings(flags, env);
      if (!settings.nodes) throw new ExecutorError("join needs --nodes, --node and --master");
      if (settings.nodes.index === 0) throw new ExecutorError("--node 0 is the machine that trains: others join");
      await withSignals((signal) => joinTraining(settings, signal));
    });
}
