// One target of a session: its language, the model that writes it, and how that model reads and writes text.

import type { BundleText } from "../../models/bundle-content.ts";
import { type CarryingOptions, carryingOf, openReader } from "../../models/carrying.ts";
import type { PlaceholderTable } from "../../models/placeholder-table.ts";
import type { SourceWord } from "../../models/source-word.ts";
import { chosenTarget, sourcePrefix } from "../../models/tags.ts";
import { TargetStream } from "../../models/target-stream.ts";
import type { Wait } from "../../models/wait.ts";

/** A piece of source text that nothing to come can change. */
export type SourcePiece = Omit<SourceWord, "text">;

/** Text in, complete pieces out: what of a `SourceStream` or a `ValueReader` a session uses. */
export interface SourceReader {
  push(text: string): SourcePiece[];
  flush(): SourcePiece[];
  /** The most tokens that complete pieces can become that wait for what follows. Default none wait. */
  readonly heldTokens?: number;
}

/** Target ids in, text to append out, without a space at the start: what of a `TargetStream` a session uses. */
export interface TargetWriter {
  push(ids: number[]): string;
  /** Text that the ids would add. */
  peek(ids: number[]): string;
}

export interface SessionTarget {
  /** Language tag, as in the messages' `target`. */
  language: string;
  /** The engine's name of the model. */
  model: string;
  wait: Wait;
  /** Source positions a segment can have, EOS and prefix included. */
  maxSourceTokens: number;
  /** Source ids before each segment's own: tags, which are no words. Default none. */
  prefix?: readonly number[];
  openSource(): SourceReader;
  /** @param table what the segment's placeholders stand for */
  openTarget(table: PlaceholderTable): TargetWriter;
}

/** What a session asks of a bundle. */
export interface SessionTargetOptions extends CarryingOptions {
  /** The bundle's own by default. */
  wait?: Wait;
}

/** A target that a student bundle writes. Throws RangeError for a teacher's bundle, TargetError, GlossaryError. */
export function sessionTarget(bundle: BundleText, options: SessionTargetOptions = {}): SessionTarget {
  const { manifest, tokenizer } = bundle;
  if (!manifest.lags) throw new RangeError(`bundle ${manifest.name} is no student: it cannot translate a stream`);
  const carrying = carryingOf(manifest, options);
  return {
    language: chosenTarget(manifest, options.target),
    model: manifest.name,
    wait: options.wait ?? manifest.lags.default,
    maxSourceTokens: manifest.limits.maxSourceTokens,
    prefix: sourcePrefix(manifest, options),
    openSource: () => openReader(tokenizer, carrying),
    openTarget: (table) => new TargetStream(tokenizer, table),
  };
}
