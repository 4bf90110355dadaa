// Processor time and memory of another process, from Linux's /proc.
import { readFile } from "node:fs/promises";

export interface ProcessUsage {
  /** User and system time of all its threads, in milliseconds. */
  cpuMs: number;
  rssBytes: number;
  /** The most it has held so far. */
  peakRssBytes: number;
}

/** Length of a tick in /proc: USER_HZ is 100 on every architecture that Node runs on. */
const TICK_MS = 10;

/** Usage now; undefined where there is no /proc or no such process. */
export async function readProcessUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const [stat, status] = await Promise.all([
      readFile(`/proc/${pid}/stat`, "utf8"),
      readFile(`/proc/${pid}/status`, "utf8"),
    ]);
    return parseProcessUsage(stat, status);
  } catch {
    return undefined;
  }
}

/** From the content of `stat` and `status` (proc_pid_stat(5)); undefined when they lack a figure, as a zombie's do. */
export function parseProcessUsage(stat: string, status: string): ProcessUsage | undefined {
  // The name, in parentheses, may hold spaces; the fields after it begin with the third.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const cpuMs = (Number(fields[14 - 3]) + Number(fields[15 - 3])) * TICK_MS;
  const rssBytes = kilobytes(status, "VmRSS");
  const peakRssBytes = kilobytes(status, "VmHWM");
  if (Number.isNaN(cpuMs) || rssBytes === undefined || peakRssBytes === undefined) return undefined;
  return { cpuMs, rssBytes, peakRssBytes };
}

function kilobytes(status: string, field: string): number | undefined {
  const match = new RegExp(`^${field}:\\s*(\\d+) kB$`, "mu").exec(status);
  return match === null ? undefined : Number(match[1]) * 1024;
}
