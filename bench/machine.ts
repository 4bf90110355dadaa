// What a benchmark ran on: figures mean nothing without it.
import { availableParallelism, cpus, totalmem } from "node:os";

export interface Machine {
  cpu: string;
  /** Cores that this process may use. */
  cores: number;
  memoryBytes: number;
  platform: string;
  node: string;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
  };
}
