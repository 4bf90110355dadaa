// Test support: a Python with PyTorch, where there is one; tests that need it are skipped, visibly, where there is none.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { inspectPython } from "./training/python.ts";

const own = join(import.meta.dirname, "..", ".venv", "bin", "python");

export const python = process.env.SOUFFLEUR_PYTHON ?? (existsSync(own) ? own : "python3");

export const hasTorch = await inspectPython(python).then(
  () => true,
  () => false,
);
