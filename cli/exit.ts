// Exit codes, and the errors that carry one.

export const EXIT_CODES = { done: 0, failed: 1, wrongUse: 2, interrupted: 130 } as const;

/** Something the caller can put right: shown without a stack, exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly exitCode = EXIT_CODES.wrongUse;
}

/** The exit code of an error: its own where it has one, else 1. */
export function exitCodeOf(error: unknown): number {
  if (typeof error === "object" && error !== null && "exitCode" in error && typeof error.exitCode === "number") {
    return error.exitCode;
  }
  return EXIT_CODES.failed;
}
