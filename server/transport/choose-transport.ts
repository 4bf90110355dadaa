// Which transport serves: uWebSockets.js where its binary loads, else `ws`.
import type * as UWebSockets from "uWebSockets.js";
import type { Application, Transport, TransportSettings } from "./transport.ts";
import { UwsTransport } from "./uws-transport.ts";
import { WsTransport } from "./ws-transport.ts";

export type TransportChoice = "auto" | "uws" | "ws";

/** What `chooseTransport` says about its choice. */
export interface TransportLog {
  warn(details: { reason: string }, message: string): void;
}

/**
 * Makes the transport. `auto` takes uWebSockets.js, or `ws` where its binary cannot be loaded, and says so in the log.
 * @throws Error where `uws` was asked for and cannot be loaded
 */
export async function chooseTransport(
  choice: TransportChoice,
  application: Application,
  settings: TransportSettings,
  log: TransportLog,
  load: () => Promise<typeof UWebSockets> = loadUws,
): Promise<Transport> {
  if (choice === "ws") return new WsTransport(application, settings);
  try {
    return new UwsTransport(await load(), application, settings);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
    if (choice === "uws") throw new Error(`the transport uws cannot be loaded here: ${reason}`, { cause: error });
    log.warn({ reason }, "uWebSockets.js cannot be loaded here: serving with ws, at a higher cost for each stream");
    return new WsTransport(application, settings);
  }
}

/** Loads the package, whose binary exists for some platforms and Node versions only. */
export function loadUws(): Promise<typeof UWebSockets> {
  return import("uWebSockets.js");
}
