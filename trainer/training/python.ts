// Python with PyTorch, where the user has it: found and checked before anything depends on it.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** Python, or PyTorch in it, is not there; the message says what to run. */
export class PythonMissing extends Error {
  override name = "PythonMissing";
  /** Wrong use. */
  readonly exitCode = 2;
}

const answerSchema = z.object({ python: z.string(), torch: z.string(), cuda: z.int().nonnegative() });

/** What a Python interpreter has: its version, PyTorch's, and how many GPUs that sees. */
export type PythonEnvironment = z.infer<typeof answerSchema>;

const PROBE = `
import json, platform
import numpy, onnx, torch
print(json.dumps({"python": platform.python_version(), "torch": torch.__version__, "cuda": torch.cuda.device_count()}))`;

/** A file of the package from source and from the build alike: Python is not compiled into `dist/`. */
export function packagedFile(path: string): string {
  const own = fileURLToPath(new URL(".", import.meta.url));
  for (let folder = own; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return join(folder, path);
    if (dirname(folder) === folder) throw new Error(`the package that holds ${own} has no package.json`);
  }
}

export const REQUIREMENTS = "trainer/torch/requirements.txt";

/**
 * Asks an interpreter for its versions.
 * @param python a command or a path.
 * @throws PythonMissing when it cannot be started, or has no PyTorch, NumPy or onnx.
 */
export async function inspectPython(python: string): Promise<PythonEnvironment> {
  const { code, out, err } = await output(python, ["-c", PROBE]).catch((error: unknown) => {
    throw missing(`${python} cannot be started`, error);
  });
  const answer = code === 0 ? answerSchema.safeParse(parseJson(out)) : undefined;
  if (answer?.success) return answer.data;
  throw missing(`${python} has no PyTorch (${lastLine(err) || `it ended with ${code}`})`);
}

function missing(problem: string, cause?: unknown): PythonMissing {
  return new PythonMissing(
    `${problem}. To install it beside this folder:\n` +
      `  python3 -m venv .venv && .venv/bin/pip install -r ${packagedFile(REQUIREMENTS)}\n` +
      "then name it: --python .venv/bin/python, or SOUFFLEUR_PYTHON",
    { cause },
  );
}

const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function output(command: string, words: readonly string[]): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      err += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}
