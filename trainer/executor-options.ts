// `--executor torch` and what belongs to it: the commands' options, checked against each other and against the machine.
import { type Command, InvalidArgumentError, Option } from "commander";
import type { Environment } from "./run-context.ts";
import type { TorchExecutor } from "./stages/context.ts";
import { inspectPython } from "./training/python.ts";
import type { TorchNodes } from "./training/torch-process.ts";

export interface ExecutorFlags {
  readonly executor?: "ort" | "torch";
  readonly python?: string;
  readonly processes?: number;
  readonly bf16?: boolean;
  readonly compile?: boolean;
  readonly nodes?: number;
  readonly node?: number;
  readonly master?: string;
}

/** Options that do not fit together. */
export class ExecutorError extends Error {
  override name = "ExecutorError";
  /** Wrong use. */
  readonly exitCode = 2;
}

export function addExecutorOptions(command: Command): Command {
  command
    .addOption(
      new Option("--executor <runtime>", "what makes the updates: onnxruntime here, or PyTorch's processes")
        .choices(["ort", "torch"])
        .default("ort"),
    )
    .option("--bf16", "with torch: products in 16 bits, weights and their updates in 32")
    .option("--compile", "with torch: torch.compile");
  return addProcessOptions(command);
}

/** The options that name the processes: those that share a training have them all. */
export function addProcessOptions(command: Command): Command {
  return command
    .option("--python <file>", "with torch: a Python that has PyTorch (SOUFFLEUR_PYTHON, python3)")
    .option("--processes <n>", "with torch: processes on this machine (one for each GPU, else 1)", positive)
    .option("--nodes <n>", "with torch: machines that share the training", positive)
    .option("--node <i>", "with torch: this machine's number, from 0; number 0 trains, the others `join`", whole)
    .option("--master <host:port>", "with torch: machine 0, as the others reach it", hostAndPort);
}

/**
 * @returns undefined for onnxruntime.
 * @throws ExecutorError for options that do not fit together; PythonMissing where there is no PyTorch.
 */
export async function torchExecutor(flags: ExecutorFlags, env: Environment): Promise<TorchExecutor | undefined> {
  if (flags.executor !== "torch") {
    const names = ["python", "processes", "bf16", "compile", "nodes", "node", "master"] as const;
    const stray = names.find((name) => flags[name] !== undefined);
    if (stray) throw new ExecutorError(`--${stray} says something of PyTorch: add --executor torch, or leave it out`);
    return undefined;
  }
  const nodes = nodesOf(flags);
  if (nodes && nodes.index !== 0) throw new ExecutorError("--node is not 0: only machine 0 trains, the others `join`");
  return {
    ...(await processSettings(flags, env)),
    precision: flags.bf16 ? "bf16" : "fp32",
    compile: flags.compile ?? false,
  };
}

/** The processes of this machine. */
export async function processSettings(flags: ExecutorFlags, env: Environment) {
  const python = flags.python ?? env.SOUFFLEUR_PYTHON ?? "python3";
  const { cuda } = await inspectPython(python);
  return { python, processes: flags.processes ?? Math.max(1, cuda), nodes: nodesOf(flags) };
}

function nodesOf({ nodes, node, master }: ExecutorFlags): TorchNodes | undefined {
  if (nodes === undefined && node === undefined && master === undefined) return undefined;
  if (nodes === undefined || node === undefined || master === undefined)
    throw new ExecutorError(
      "--nodes, --node and --master belong together: how many machines, which one, where they meet",
    );
  if (node >= nodes) throw new ExecutorError(`--node ${node} is not one of ${nodes} machines: they count from 0`);
  return { count: nodes, index: node, master };
}

function positive(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("It must be a whole number of 1 or more.");
  return Number(text);
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return Number(text);
}

function hostAndPort(text: string): string {
  if (!/^[^\s:]+:\d{1,5}$/.test(text)) throw new InvalidArgumentError("It must be like trainer-0:29500.");
  return text;
}
