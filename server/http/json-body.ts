// A request's JSON body, against a schema.
import type { z } from "zod";
import { firstIssue } from "../protocol/first-issue.ts";
import { BODY_MAX_BYTES } from "../protocol/limits.ts";
import { ProtocolError } from "../protocol/protocol-error.ts";
import type { HttpRequest } from "./request.ts";

/** Throws ProtocolError `too_large`, or `bad_request` naming the field. */
export function parseJsonBody<T>(request: HttpRequest, schema: z.ZodType<T>): T {
  if (request.body === undefined) {
    throw new ProtocolError("too_large", `the body may have at most ${BODY_MAX_BYTES} bytes: send fewer texts at once`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(request.body));
  } catch {
    throw new ProtocolError("bad_request", "the body is not JSON in UTF-8");
  }
  const parsed = schema.safeParse(value, { reportInput: true });
  if (!parsed.success) throw firstIssue(parsed.error, "bad_request");
  return parsed.data;
}

/** Whether the body says that it is JSON. */
export function isJson(request: HttpRequest): boolean {
  return request.header("content-type").split(";")[0].trim().toLowerCase() === "application/json";
}
