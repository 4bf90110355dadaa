// The schemas that parse the messages, as JSON Schema for the documents that tell others of them.
import { z } from "zod";

export type JsonSchema = Record<string, unknown>;

/**
 * @param dialect OpenAPI 3.1 has the draft of 2020-12, AsyncAPI 3.0 draft 7
 * @returns the schema of what is sent, before any of it is changed by parsing
 */
export function jsonSchemaOf(schema: z.ZodType, dialect: "draft-2020-12" | "draft-7"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: dialect, io: "input" });
  return rest;
}
