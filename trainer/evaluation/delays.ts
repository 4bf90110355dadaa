// From what a translation wrote, and when, to the delay of each of its words.

/** One piece of output and what had been read for it. */
export interface OutputEvent {
  /** Source words read when the piece was written. */
  wordsRead: number;
  /** Text to append. */
  text: string;
}

/** A finished translation of one sentence; `text` is its events' texts joined. */
export interface TranslationOutput {
  text: string;
  events: readonly OutputEvent[];
}

/** Number of words of `text`: what white space separates. */
export function countWords(text: string): number {
  return text.match(/\S+/gu)?.length ?? 0;
}

/**
 * For each word of the output the number of source words read when the word's last character was written.
 *
 * @throws RangeError when the number of source words read goes down
 */
export function targetWordDelays(events: readonly OutputEvent[]): number[] {
  const delays: number[] = [];
  let insideWord = false;
  let read = 0;
  for (const event of events) {
    if (event.wordsRead < read) throw new RangeError(`source words read went from ${read} down to ${event.wordsRead}`);
    read = event.wordsRead;
    for (const part of event.text.match(/\S+|\s+/gu) ?? []) {
      const isWord = !/^\s/u.test(part);
      if (isWord && insideWord) delays[delays.length - 1] = read;
      else if (isWord) delays.push(read);
      insideWord = isWord;
    }
  }
  return delays;
}
