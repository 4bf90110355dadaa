// Where a recogniser's hypotheses are translated: in this process, or by a server over a client that comes back.
import { connect } from "../clients/typescript/client.ts";
import { chosenTarget } from "../models/tags.ts";
import type { Wait } from "../models/wait.ts";
import { loadStudent, shippedBundle } from "./bundle-option.ts";
import { UsageError } from "./exit.ts";

/** A delta or a final, as line making takes it. */
export type TranslatedText = { type: "delta"; text: string } | { type: "final" };

export interface SpeechTranslation {
  source: string;
  target: string;
  revise(text: string, options: { stable?: number; at?: number }): Promise<void>;
  commit(): Promise<void>;
  /** Resolves when all of it is translated. */
  end(): Promise<void>;
  /** Gives everything up. */
  close(): Promise<void>;
}

export interface SpeechTranslationOptions {
  target?: string;
  wait?: Wait;
  onText(text: TranslatedText): void;
  /** Something to tell the person at the terminal. */
  onProblem(sentence: string): void;
}

/** With a bundle of this machine. */
export async function translateHere(
  dir: string | undefined,
  { target: asked, wait, onText, onProblem }: SpeechTranslationOptions,
): Promise<SpeechTranslation> {
  const { sessionTarget } = await import("../server/session/session-target.ts");
  const { SessionRunner } = await import("../server/session/session-runner.ts");
  const { WorkerEngine } = await import("../server/engine/worker-engine.ts");
  const bundle = await loadStudent(dir ?? (await shippedBundle(asked)));
  const { source } = bundle.manifest;
  const target = chosenTarget(bundle.manifest, asked);
  const engine = await WorkerEngine.start({ bundles: [bundle], workers: 1 });
  let isOver: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    isOver = resolve;
  });
  const runner = new SessionRunner({
    settings: { source, targets: [sessionTarget(bundle, { target, wait })] },
    engine,
    now: () => performance.now(),
    emit: (message) => {
      if (message.type === "delta" || message.type === "final") onText(message);
      else if (message.type === "error") onProblem(`${message.code}: ${message.message}`);
    },
    close: () => isOver(),
  });
  return {
    ...{ source, target },
    revise: async (text, options) => runner.revise(text, options),
    commit: async () => runner.commit(),
    end: () => {
      runner.end();
      return over;
    },
    close: async () => {
      runner.abort();
      await engine.close();
    },
  };
}

export interface ServerChoice {
  url: string;
  key?: string;
  source: string;
  /** The server's caption output and room that the stream feeds. */
  captions?: string;
  room?: string;
}

/** With a server. */
export async function translateThere(
  { url, key, source, captions, room }: ServerChoice,
  { target, wait, onText, onProblem }: SpeechTranslationOptions,
): Promise<SpeechTranslation> {
  if (target === undefined) throw new UsageError("name the language to write with --target");
  const stream = await connect({ ...{ url, key, source, target, wait }, captions, room });
  stream.on("delta", onText);
  stream.on("final", onText);
  stream.on("error", ({ code, message }) => onProblem(`${code}: ${message}`));
  stream.on("state", ({ state, reason, retryInMs = 0 }) => {
    if (state === "waiting") onProblem(`${reason?.message}: again in ${(retryInMs / 1000).toFixed(1)} s`);
  });
  return {
    ...{ source, target },
    revise: (text, options) => stream.revise(text, options),
    commit: () => stream.commit(),
    end: async () => {
      await stream.end();
    },
    close: async () => stream.close(),
  };
}
