// The answer of `POST /v1/cues`, whose body is a caption file as it is.
import { z } from "zod";

const milliseconds = z.number().min(0);

export const cuesResponseSchema = z.strictObject({
  /** In the order of their times. */
  cues: z.array(z.strictObject({ start: milliseconds, end: milliseconds, text: z.string() })),
});

export type CuesResponse = z.infer<typeof cuesResponseSchema>;
