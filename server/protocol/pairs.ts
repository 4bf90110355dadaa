// Which models serve a stream: by language pair, and by name where one is asked for.
import { ProtocolError } from "./protocol-error.ts";

/** One model that is served, as clients name it. */
export interface ServedPair {
  model: string;
  source: string;
  target: string;
}

/** What of a client's settings says which models serve it. */
export interface WantedPairs {
  source: string;
  target: string | readonly string[];
  /** One for all targets, or one for each. */
  model?: string | readonly string[];
}

/**
 * A model for each target, in the order in which they were asked for: the first that translates the pair, or the one
 * named.
 * @throws ProtocolError `unsupported_pair` naming the field that does not fit and what is served; `bad_request` where the
 * lists do not fit each other
 */
export function choosePairs<P extends ServedPair>(pairs: readonly P[], wanted: WantedPairs): P[] {
  const targets = [wanted.target].flat();
  const { model } = wanted;
  if (typeof model === "object" && model.length !== targets.length) {
    throw new ProtocolError("bad_request", "model must be one name, or a list with one for each target", {
      field: "model",
    });
  }
  return targets.map((target, index) => {
    const named = typeof model === "object" ? model[index] : model;
    return choosePair(pairs, { source: wanted.source, target, model: named }, targets.length > 1 ? target : undefined);
  });
}

/**
 * The model of one pair.
 * @param named the target as the error names it, where it is one of several
 * @throws ProtocolError `unsupported_pair`
 */
export function choosePair<P extends ServedPair>(
  pairs: readonly P[],
  wanted: { source: string; target: string; model?: string },
  named?: string,
): P {
  const ofPair = pairs.filter((pair) => pair.source === wanted.source && pair.target === wanted.target);
  if (ofPair.length === 0) {
    const field = pairs.some((pair) => pair.source === wanted.source) ? "target" : "source";
    const served = pairs.map((pair) => `${pair.source} to ${pair.target}`).join(", ") || "none";
    const message = `this pair is not served here; served: ${served}`;
    throw new ProtocolError("unsupported_pair", message, { field, target: named });
  }
  const found = wanted.model === undefined ? ofPair[0] : ofPair.find((pair) => pair.model === wanted.model);
  if (found === undefined) {
    const names = ofPair.map((pair) => pair.model).join(", ");
    const message = `no such model for this pair; served: ${names}`;
    throw new ProtocolError("unsupported_pair", message, { field: "model", target: named });
  }
  return found;
}
