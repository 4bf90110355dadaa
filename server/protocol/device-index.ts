// What the server hands out to be run on a visitor's own device, as `GET /device/index.json` lists it.
import { z } from "zod";

/** Below it lie the files that translate without a server. */
export const DEVICE_PATH = "/device/";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** A file: where it is, from the server's root without the first slash, and what must arrive. */
const deviceFileSchema = z.strictObject({ path: z.string().min(1), bytes: z.int().positive(), sha256 });

export const deviceIndexSchema = z.strictObject({
  /** Another one whenever a file of the page or the worker's script is. */
  revision: z.string().min(1),
  /** What the page needs to open without a server. */
  page: z.array(z.string()),
  /** onnxruntime's WebAssembly. */
  runtime: deviceFileSchema,
  /** A bundle's bundle.json, whose hashes say what the files beside it must be. */
  models: z.array(
    z.strictObject({ name: z.string().min(1), manifest: deviceFileSchema, bytes: z.int().nonnegative() }),
  ),
});

export type DeviceFile = z.infer<typeof deviceFileSchema>;
export type DeviceIndex = z.infer<typeof deviceIndexSchema>;
