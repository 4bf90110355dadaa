// The first thing a schema found wrong, as a field's name and a sentence for the client.
import type { z } from "zod";
import type { ErrorCode } from "./close-codes.ts";
import { ProtocolError } from "./protocol-error.ts";

/**
 * Names the field and what is wrong with it. A value is never repeated, since it may be the user's text.
 * @param code the error code that the client is given
 */
export function firstIssue(error: z.ZodError, code: ErrorCode): ProtocolError {
  const issue = error.issues[0];
  if (issue.code === "unrecognized_keys") {
    const field = dotted([...issue.path, issue.keys[0]]);
    return new ProtocolError(code, `${field} is not a known field`, { field });
  }
  const field = dotted(issue.path);
  const missing = issue.code !== "custom" && issue.input === undefined;
  if (field === "") return new ProtocolError(code, `the message ${issue.message}`);
  return new ProtocolError(code, missing ? `${field} is missing: it ${issue.message}` : `${field} ${issue.message}`, {
    field,
  });
}

/** `["text", 3]` as `text[3]`; a client's own field names are cut to a readable length. */
function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`))
    .join("")
    .slice(0, 80);
}
