// What goes between the page and the worker that translates on the device.
import { z } from "zod";
import type { CloseCode } from "../protocol/close-codes.ts";
import { deviceIndexSchema } from "../protocol/device-index.ts";
import type { ServerMessage } from "../protocol/server-messages.ts";

/** From the page. A later `open` takes the place of an earlier one, with whatever that still had to say. */
export const deviceRequestSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("open"),
    /** The server's root, with its last slash. */
    base: z.url(),
    index: deviceIndexSchema,
    model: z.string(),
    /** The stream's `start` message as JSON. */
    start: z.string(),
  }),
  /** A client's message as JSON. */
  z.strictObject({ type: z.literal("frame"), frame: z.string() }),
  /** The stream is given up, with all that is under way. */
  z.strictObject({ type: z.literal("drop") }),
]);

export type DeviceRequest = z.infer<typeof deviceRequestSchema>;

/** Why a model cannot be had: what the page tells its visitor follows from it. */
export type DeviceFailure = "no-simd" | "damaged" | "unreachable" | "unusable";

/** From the worker. */
export type DeviceReply =
  /** Bytes of the model and the runtime that are here, of all. */
  | { type: "progress"; loaded: number; total: number }
  /** The model is open: milliseconds until its files were here, and until it could run. */
  | { type: "opened"; loadMs: number; openMs: number; provider: string }
  /** It works, but will have to be fetched again: there is no room to keep it. */
  | { type: "not-kept"; reason: string }
  | { type: "message"; message: ServerMessage }
  | { type: "closed"; code: CloseCode }
  | { type: "failed"; failure: DeviceFailure; reason: string };
