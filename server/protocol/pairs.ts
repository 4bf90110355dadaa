// Which model serves a stream: by language pair, and by name where one is asked for.
import type { StreamSettings } from "./client-messages.ts";
import { ProtocolError } from "./protocol-error.ts";

/** One model that is served, as clients name it. */
export interface ServedPair {
  model: string;
  source: string;
  target: string;
}

/**
 * The model for the settings: the first that translates the pair, or the one named.
 * @throws ProtocolError `unsupported_pair` naming the field that does not fit and what is served
 */
export function choosePair<P extends ServedPair>(
  pairs: readonly P[],
  wanted: Pick<StreamSettings, "source" | "target" | "model">,
): P {
  const ofPair = pairs.filter((pair) => pair.source === wanted.source && pair.target === wanted.target);
  if (ofPair.length === 0) {
    const field = pairs.some((pair) => pair.source === wanted.source) ? "target" : "source";
    const served = pairs.map((pair) => `${pair.source} to ${pair.target}`).join(", ") || "none";
    throw new ProtocolError("unsupported_pair", `this pair is not served here; served: ${served}`, { field });
  }
  const found = wanted.model === undefined ? ofPair[0] : ofPair.find((pair) => pair.model === wanted.model);
  if (found === undefined) {
    const names = ofPair.map((pair) => pair.model).join(", ");
    throw new ProtocolError("unsupported_pair", `no such model for this pair; served: ${names}`, { field: "model" });
  }
  return found;
}
