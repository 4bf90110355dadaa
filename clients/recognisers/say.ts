// What a recogniser has heard, said on a stream.
import type { Heard } from "./recogniser.ts";

/** What can be told hypotheses: a stream of `souffleur/client`, or anything like it. */
export interface HypothesisSink {
  revise(text: string, options: { stable?: number; at?: number }): Promise<void>;
  commit(): Promise<void>;
}

/** Says it in its order; resolves when there is room for more. */
export async function say(stream: HypothesisSink, heard: readonly Heard[]): Promise<void> {
  for (const one of heard) {
    if (one.type === "commit") await stream.commit();
    else await stream.revise(one.text, { stable: one.stable, at: one.at });
  }
}
