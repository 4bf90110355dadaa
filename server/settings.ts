// Every setting of the server: what it means, its unit, its default, and what happens past it.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** The package's own folder, from its sources and from dist/ alike. */
export const PACKAGE_ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

export const DEFAULT_BUNDLE = join(PACKAGE_ROOT, "models", "en-de");

const milliseconds = z.int("must be whole milliseconds").min(0, "must be 0 or more milliseconds");

export const serverSettingsSchema = z.strictObject({
  /** TCP port; 0 takes any that is free. */
  port: z
    .int("must be a port, 0 to 65535")
    .min(0, "must be a port, 0 to 65535")
    .max(65535, "must be a port, 0 to 65535")
    .default(8080),
  /** Address to listen on. The default is reached from this machine only; 0.0.0.0 is every address. */
  host: z.string().min(1, "must be an address").default("127.0.0.1"),
  /** Folders of the bundles to serve, one model each. */
  bundles: z.array(z.string().min(1)).min(1, "must name at least one bundle").default([DEFAULT_BUNDLE]),
  /** Inference threads. Left out: one for each core but one. */
  workers: z.int("must be a whole number").min(1, "must be at least 1").optional(),
  /** `auto`: uWebSockets.js where its binary loads, else `ws`. */
  transport: z.enum(["auto", "uws", "ws"], "must be auto, uws or ws").default("auto"),
  /** Open streams at once; the next is refused with `overloaded`. */
  maxSessions: z.int("must be a whole number").min(1, "must be at least 1").default(20_000),
  /** Texts of `POST /v1/translate` in the engine at once; the others of the request wait, new requests are refused with `overloaded`. */
  maxTranslations: z.int().min(1).default(64),
  /** A stream that sends nothing for so long, and is owed nothing, is closed with `idle_timeout`; 0: never. */
  idleTimeoutMs: milliseconds.default(300_000),
  /** A peer that answers no ping for so long is gone. */
  keepAliveMs: milliseconds.min(1_000, "must be at least 1000 milliseconds").default(60_000),
  /** How long a closing handshake may take before the connection is cut. */
  closeTimeoutMs: milliseconds.default(5_000),
  /** How long open segments may take to finish when the server is told to stop; then streams are closed as they are. */
  drainTimeoutMs: milliseconds.default(20_000),
  logLevel: z
    .enum(
      ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
      "must be fatal, error, warn, info, debug, trace or silent",
    )
    .default("info"),
  /** The live page's files. */
  pageDirectory: z.string().default(join(PACKAGE_ROOT, "server", "page")),
});

/** Settings as they are given: every one may be left out. */
export type ServerSettings = z.input<typeof serverSettingsSchema>;
export type ResolvedServerSettings = z.output<typeof serverSettingsSchema>;

/** A setting that cannot be used; the message names it. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** Fills in the defaults. Throws SettingsError naming the setting. */
export function resolveSettings(settings: ServerSettings): ResolvedServerSettings {
  const parsed = serverSettingsSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new SettingsError(`${issue.path.join(".")} ${issue.message}`);
}

function findRoot(from: string): string {
  if (existsSync(join(from, "package.json"))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error("the package's own package.json cannot be found");
  return findRoot(parent);
}
