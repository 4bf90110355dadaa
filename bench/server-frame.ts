// The server's frames as the load generator reads them: the few fields it counts, whatever else is there.

export interface DeltaFrame {
  type: "delta";
  segment: number;
  seq: number;
  read: number;
  text: string;
  /** The server's own figures in milliseconds, where it sends timings. */
  latency?: number;
  queue?: number;
  compute?: number;
}

export interface FinalFrame {
  type: "final";
  segment: number;
  seq: number;
  source: string;
  text: string;
}

export interface ErrorFrame {
  type: "error";
  code: string;
  fatal: boolean;
}

export type ServerFrame =
  | { type: "ready" }
  | DeltaFrame
  | FinalFrame
  | ErrorFrame
  | { type: "done" }
  | { type: "other" };

/** Reads one text frame; undefined when it is not a frame of the protocol with the fields needed here. */
export function readServerFrame(data: string): ServerFrame | undefined {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("type" in value)) return undefined;
  const fields: Record<string, unknown> = { ...value };
  const { type, segment, seq, read, text, source, code, fatal } = fields;
  if (type === "ready" || type === "done") return { type };
  if (type === "error") return typeof code === "string" ? { type, code, fatal: fatal === true } : undefined;
  if (type !== "delta" && type !== "final") return typeof type === "string" ? { type: "other" } : undefined;
  if (typeof segment !== "number" || typeof seq !== "number" || typeof text !== "string") return undefined;
  if (type === "final") return typeof source === "string" ? { type, segment, seq, source, text } : undefined;
  if (typeof read !== "number") return undefined;
  return {
    ...{ type, segment, seq, read, text },
    ...{ latency: duration(fields.latency), queue: duration(fields.queue), compute: duration(fields.compute) },
  };
}

function duration(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 ? value : undefined;
}
