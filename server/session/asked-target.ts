// What a client asked of its targets, with a protocol error for what a model has not learnt.
import type { BundleText } from "../../models/bundle-content.ts";
import { GlossaryError, type GlossaryTerm, termsFor } from "../../models/glossary.ts";
import { type Formality, FormalityError } from "../../models/tags.ts";
import type { Wait } from "../../models/wait.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import { type SessionTarget, sessionTarget } from "./session-target.ts";

/** A stream's or a text's wishes, for all of its targets. */
export interface Asked {
  wait?: Wait;
  glossary?: readonly GlossaryTerm[];
  formality?: Formality;
}

/**
 * The targets of a session, one for each bundle.
 * @throws ProtocolError `bad_request`, naming `glossary` or `formality`, where a model does not know it, or a term is of
 * no target.
 */
export function askedTargets(
  places: readonly { readonly bundle: BundleText; readonly target: string }[],
  { wait, glossary = [], formality }: Asked,
): SessionTarget[] {
  const targets = places.map(({ target }) => target);
  const refusal = (message: string, field: string, target: string) =>
    new ProtocolError("bad_request", message, { field, target: targets.length > 1 ? target : undefined });
  return places.map(({ bundle, target }) => {
    try {
      return sessionTarget(bundle, { target, wait, glossary: termsFor(glossary, target, targets), formality });
    } catch (error) {
      if (error instanceof GlossaryError) throw refusal(error.message, "glossary", target);
      if (error instanceof FormalityError) throw refusal(error.message, "formality", target);
      throw error;
    }
  });
}
