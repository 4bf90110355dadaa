// Average lagging in words (Ma et al. 2019, equation 8), from what was written when.

/** A delta: the length of the target text after it, in characters, and the source words read when it was written. */
export interface Write {
  length: number;
  read: number;
}

/** For each white-space-delimited word of `text`, the source words read when its last character was written. */
export function wordDelays(text: string, writes: readonly Write[]): number[] {
  const delays: number[] = [];
  let write = 0;
  for (const match of text.matchAll(/\S+/gu)) {
    const end = match.index + match[0].length;
    while (writes[write].length < end) write++;
    delays.push(writes[write].read);
  }
  return delays;
}

/**
 * Mean over the target words t = 1..τ of g(t) − (t − 1) · |x| / |y|, where τ is the first word written with the whole
 * source read. In source words; undefined when there is no target word.
 *
 * @param delays g: source words read when each target word was written
 * @param sourceWords |x|
 */
export function averageLagging(delays: readonly number[], sourceWords: number): number | undefined {
  if (delays.length === 0) return undefined;
  const sourcePerTarget = sourceWords / delays.length;
  let sum = 0;
  for (const [index, delay] of delays.entries()) {
    sum += delay - index * sourcePerTarget;
    if (delay >= sourceWords) return sum / (index + 1);
  }
  return sum / delays.length;
}
