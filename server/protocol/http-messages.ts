// What the HTTP routes answer: a model as it is listed, and an error's body.
import { z } from "zod";
import { bundleManifestSchema } from "../../models/manifest.ts";
import { ERROR_CODES } from "./close-codes.ts";
import { SUBPROTOCOL } from "./limits.ts";

const { name, source, target, lags, precision, architecture, limits, quality, licence, attributions } =
  bundleManifestSchema.shape;

/** A model as `GET /v1/models` and `souffleur models --json` show it. */
export const modelListingSchema = z.strictObject({
  name,
  source,
  target,
  /** The default, and those the model was trained for; any other works as well. */
  wait: lags,
  precision,
  parameters: architecture.shape.parameters,
  limits,
  /** What is carried over as it is; "term": it takes a glossary. */
  placeholders: z.array(z.string()),
  /** The forms of address that it can be asked for. */
  formality: z.array(z.string()),
  /** Whether `GET /device/index.json` hands it out to be run in a browser; only from a server. */
  onDevice: z.boolean().optional(),
  quality,
  licence,
  attributions,
});

/** The body of `GET /v1/models`. */
export const modelsResponseSchema = z.strictObject({
  protocol: z.literal(SUBPROTOCOL),
  models: z.array(modelListingSchema),
});

/** The body of every HTTP error. */
export const errorBodySchema = z.strictObject({
  error: z.strictObject({
    code: z.enum(ERROR_CODES),
    message: z.string(),
    field: z.string().optional(),
    target: z.string().optional(),
    /** Seconds. */
    retryAfter: z.number().optional(),
  }),
});

export type ModelListing = z.infer<typeof modelListingSchema>;
