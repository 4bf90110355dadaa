// A whole text through the sessions' own code: what streams say is what this says.

import type { BundleText } from "../../models/bundle-content.ts";
import type { AskedOf } from "../../models/tags.ts";
import type { Wait } from "../../models/wait.ts";
import type { Engine } from "../engine/engine.ts";
import type { ErrorMessage } from "../protocol/server-messages.ts";
import { SessionRunner } from "./session-runner.ts";
import { type SessionTarget, sessionTarget } from "./session-target.ts";

/** A text that could not be translated; `code` is the protocol's. */
export class TranslateError extends Error {
  override readonly name = "TranslateError";
  readonly code: ErrorMessage["code"];

  constructor(code: ErrorMessage["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export interface TranslateOptions extends AskedOf {
  /** "full" by default: each segment is read whole before it is translated. */
  wait?: Wait;
  /** Gives up and frees everything; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

export interface Translation {
  /** The segments' texts, joined with spaces. */
  text: string;
  segments: { source: string; text: string }[];
}

/** A text goes into the engine at once: enough segments to fill batches, few enough to bound their state. */
const OPEN_SEGMENTS = 32;

/**
 * Translates a text, cut into segments as a stream is. Rejects with TranslateError.
 *
 * @param bundle a student that the engine has
 */
export function translate(
  engine: Engine,
  bundle: BundleText,
  text: string,
  options: TranslateOptions = {},
): Promise<Translation> {
  const { signal, ...asked } = options;
  const target = sessionTarget(bundle, { ...asked, wait: asked.wait ?? "full" });
  return translateWith(engine, bundle.manifest.source, target, text, signal);
}

/** The same for a target without a bundle. `source` is the text's language tag. */
export function translateWith(
  engine: Engine,
  source: string,
  target: SessionTarget,
  text: string,
  signal?: AbortSignal,
): Promise<Translation> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const segments: Translation["segments"] = [];
    let failure: TranslateError | undefined;
    const giveUp = () => {
      runner.abort();
      reject(signal?.reason);
    };
    const runner = new SessionRunner({
      settings: {
        source,
        targets: [target],
        limits: {
          maxMessageCharacters: Number.POSITIVE_INFINITY,
          maxPendingCharacters: Number.POSITIVE_INFINITY,
          maxOpenSegments: OPEN_SEGMENTS,
        },
      },
      engine,
      now: () => performance.now(),
      emit: (message) => {
        if (message.type === "final") segments.push({ source: message.source, text: message.text });
        if (message.type === "error") failure = new TranslateError(message.code, message.message);
      },
      close: () => {
        signal?.removeEventListener("abort", giveUp);
        if (failure) reject(failure);
        else resolve({ text: joined(segments), segments });
      },
    });
    signal?.addEventListener("abort", giveUp, { once: true });
    runner.text(text);
    runner.end();
  });
}

function joined(segments: readonly { text: string }[]): string {
  return segments
    .map((segment) => segment.text)
    .filter((text) => text !== "")
    .join(" ");
}
