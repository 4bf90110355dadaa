// What a session is started with: languages, targets, and the limits on what a client can make it hold.

import type { SessionTarget } from "./session-target.ts";

export interface SessionLimits {
  /** Longer text messages are refused with `too_large`. UTF-16 units. */
  maxMessageCharacters: number;
  /** Text that the engine has not read; a message that would go past it is refused with `overloaded`. UTF-16 units. */
  maxPendingCharacters: number;
  /** Segments of one target in the engine at once; later ones wait in the session. */
  maxOpenSegments: number;
}

export const DEFAULT_SESSION_LIMITS: Readonly<SessionLimits> = {
  maxMessageCharacters: 10_000,
  maxPendingCharacters: 20_000,
  maxOpenSegments: 4,
};

export interface SessionSettings {
  /** Language tag of the source: picks the abbreviations after which no segment ends. */
  source: string;
  /** One to five. */
  targets: readonly SessionTarget[];
  /** Whether deltas and finals carry their times. */
  timings?: boolean;
  /** Whether the client is told what would follow if the speaker stopped now. */
  tentative?: boolean;
  limits?: Partial<SessionLimits>;
}
