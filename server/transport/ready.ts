// The first message of a stream: what it got of what it asked for, and its limits.
import type { Wait } from "../../models/wait.ts";
import { OUTBOX_MAX_BYTES, PAYLOAD_MAX_BYTES, SUBPROTOCOL } from "../protocol/limits.ts";
import type { ReadyMessage } from "../protocol/server-messages.ts";
import type { StreamHost, StreamModel } from "./stream-host.ts";

/** @param models one for each target, in the client's order */
export function readyMessage(
  session: string,
  models: readonly StreamModel[],
  wait: Wait,
  { textMaxCharacters, idleTimeoutMs }: Pick<StreamHost, "textMaxCharacters" | "idleTimeoutMs">,
): ReadyMessage {
  const targets = models.map(({ target }) => target);
  const names = models.map(({ model }) => model);
  const several = models.length > 1;
  return {
    type: "ready",
    session,
    protocol: SUBPROTOCOL,
    model: several ? names : names[0],
    source: models[0].source,
    target: several ? targets : targets[0],
    wait,
    limits: {
      payloadBytes: PAYLOAD_MAX_BYTES,
      textCharacters: textMaxCharacters,
      segmentTokens: Math.min(...models.map(({ segmentTokens }) => segmentTokens)),
      outboxBytes: OUTBOX_MAX_BYTES,
      idleTimeoutMs,
    },
  };
}

/** The default of several models: the one that is furthest behind suits them all. */
export function longestWait(models: readonly StreamModel[]): Wait {
  const waits = models.map(({ defaultWait }) => defaultWait);
  return waits.reduce((longest, wait) => (longest === "full" || wait === "full" ? "full" : Math.max(longest, wait)));
}
