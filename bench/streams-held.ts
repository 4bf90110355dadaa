// How many streams a server holds: the most that pass a test, found by growing until one fails and closing in.

export interface HeldSearch {
  /** Streams of the first try. */
  from: number;
  /** What a try is multiplied by while they pass, or divided by while they fail. */
  factor: number;
  /** How near the answer comes to the first number that fails, as a share of it. */
  within: number;
  /** No try is above this. */
  most: number;
}

/**
 * @param passes whether so many streams are held
 * @returns the most that passed; 0 when none did
 */
export async function streamsHeld(
  passes: (streams: number) => Promise<boolean>,
  { from, factor, within, most }: HeldSearch,
): Promise<number> {
  let held = 0;
  let failed = Number.POSITIVE_INFINITY;
  let next = Math.min(from, most);
  while (next > held && next < failed) {
    if (await passes(next)) held = next;
    else failed = next;
    if (failed === Number.POSITIVE_INFINITY) next = Math.min(most, Math.ceil(held * factor));
    else if (held === 0) next = Math.floor(failed / factor);
    else next = failed - held > within * failed ? Math.round((held + failed) / 2) : held;
  }
  return held;
}
