// Whole texts through the streaming path: what evaluation, the HTTP interface and the command line share with a session.
import { openReader } from "./carrying.ts";
import { PlaceholderTable } from "./placeholder-table.ts";
import type { DecodedPart } from "./segment-decoder.ts";
import type { SourceWord } from "./source-word.ts";
import type { StepRunner } from "./step-runner.ts";
import { TargetStream } from "./target-stream.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { Carrying } from "./value-reader.ts";
import type { Wait } from "./wait.ts";

/** Text that became final at once. */
export interface TranslationEvent {
  /** Source tokens that had to be read for it, in complete units; EOS is not counted. */
  tokensRead: number;
  /** Source words (by white space) among them. */
  wordsRead: number;
  /** Appended to the translation. */
  text: string;
}

export interface Translation {
  text: string;
  events: TranslationEvent[];
}

export interface TranslateOptions {
  wait: Wait;
  /** Source ids before each segment's own: tags, which are no words and are not counted as read. Default none. */
  prefix?: readonly number[];
  /** What goes through placeholders. Default nothing. */
  carrying?: Carrying;
}

export interface TranslateBatchOptions extends TranslateOptions {
  /** Texts to a batch; default 32. */
  batchSize?: number;
}

/** Units of one segment, and what was read before it began. */
interface Segment {
  words: SourceWord[];
  /** What its placeholders stand for. */
  table: PlaceholderTable;
  tokensBefore: number;
  wordsBefore: number;
}

/** Translates one text as a session does: steps for every unit that allows one. */
export async function translateText(
  model: StepRunner,
  tokenizer: Tokenizer,
  text: string,
  options: TranslateOptions,
): Promise<Translation> {
  const translation: Translation = { text: "", events: [] };
  const prefix = options.prefix ?? [];
  const limit = model.maxSourceTokens - prefix.length;
  for (const segment of segmentsOf(tokenizer, text, limit, options.carrying)) {
    const decoder = model.newDecoder(options.wait);
    decoder.read(prefix);
    const output = new SegmentOutput(translation, tokenizer, segment.table);
    const state = model.newState();
    const read = { tokens: segment.tokensBefore, words: segment.wordsBefore };
    const run = async () => {
      const ids: number[] = [];
      for (let request = decoder.next(); request !== undefined; request = decoder.next()) {
        const [result] = await model.run([{ ...request, state }]);
        ids.push(...decoder.accept(result));
      }
      output.push(ids, read.tokens, read.words);
    };
    for (const word of segment.words) {
      decoder.read(word.ids);
      read.tokens += word.ids.length;
      read.words += word.startsWord ? 1 : 0;
      await run();
    }
    decoder.end();
    await run();
    state.release();
  }
  return translation;
}

/**
 * Translates many texts, each segment read at once, and tells from the wait when each part would have been final. The result
 * is {@link translateText}'s.
 */
export async function translateBatch(
  model: StepRunner,
  tokenizer: Tokenizer,
  texts: readonly string[],
  options: TranslateBatchOptions,
): Promise<Translation[]> {
  const translations = texts.map((): Translation => ({ text: "", events: [] }));
  const prefix = options.prefix ?? [];
  const limit = model.maxSourceTokens - prefix.length;
  const queues = texts.map((text) => segmentsOf(tokenizer, text, limit, options.carrying));
  // Segments of one text follow each other: the first of each text, then the second of those that have one, and so on.
  for (let turn = 0; queues.some((queue) => queue.length > turn); turn++) {
    const open = queues.flatMap((queue, text) => (queue.length > turn ? [{ segment: queue[turn], text }] : []));
    // Rows of like length share a batch, so that little of it is padding.
    open.sort((a, b) => tokensIn(a.segment.words) - tokensIn(b.segment.words) || a.text - b.text);
    const batchSize = options.batchSize ?? 32;
    for (let start = 0; start < open.length; start += batchSize) {
      const batch = open.slice(start, start + batchSize);
      const outputs = batch.map(({ text, segment }) => new SegmentOutput(translations[text], tokenizer, segment.table));
      await runBatch(
        model,
        batch.map(({ segment }) => segment),
        outputs,
        { wait: options.wait, prefix },
      );
    }
  }
  return translations;
}

async function runBatch(
  model: StepRunner,
  segments: readonly Segment[],
  outputs: readonly SegmentOutput[],
  { wait, prefix }: { wait: Wait; prefix: readonly number[] },
): Promise<void> {
  const rows = segments.map(({ words }) => {
    const decoder = model.newDecoder(wait);
    decoder.read(prefix);
    for (const { ids } of words) decoder.read(ids);
    decoder.end();
    return { decoder, state: model.newState(), parts: [] as DecodedPart[] };
  });
  for (let open = rows; open.length > 0; open = open.filter(({ decoder }) => !decoder.done)) {
    const step = open.map(({ decoder, state }) => {
      const request = decoder.next();
      if (request === undefined) throw new Error("an ended segment that is not done has nothing to run");
      return { ...request, state };
    });
    const results = await model.run(step);
    for (const [row, { decoder, parts }] of open.entries()) parts.push(...decoder.acceptParts(results[row]));
  }
  for (const [row, { parts, state }] of rows.entries()) {
    writeParts(parts, segments[row], outputs[row], prefix.length);
    state.release();
  }
}

/** Each part with the unit that allowed it, or with the segment's end. */
function writeParts(parts: readonly DecodedPart[], segment: Segment, output: SegmentOutput, prefix: number): void {
  const { words, tokensBefore, wordsBefore } = segment;
  let tokens = tokensBefore;
  let sourceWords = wordsBefore;
  let written = 0;
  for (const [index, word] of words.entries()) {
    tokens += word.ids.length;
    sourceWords += word.startsWord ? 1 : 0;
    const first = written;
    const positions = prefix + tokens - tokensBefore;
    while (written < parts.length && parts[written].needs <= positions) written++;
    output.push(idsOf(parts.slice(first, written)), tokens, sourceWords);
    if (index === words.length - 1) output.push(idsOf(parts.slice(written)), tokens, sourceWords);
  }
}

const idsOf = (parts: readonly DecodedPart[]): number[] => parts.flatMap(({ ids }) => ids);

/** Appends one segment's target ids to a translation. */
class SegmentOutput {
  readonly #translation: Translation;
  readonly #target: TargetStream;

  constructor(translation: Translation, tokenizer: Tokenizer, table: PlaceholderTable) {
    this.#translation = translation;
    this.#target = new TargetStream(tokenizer, table);
  }

  push(ids: readonly number[], tokensRead: number, wordsRead: number): void {
    const opens = this.#target.text === "" && this.#translation.text !== "";
    const added = this.#target.push(ids);
    if (added === "") return;
    const text = opens ? ` ${added}` : added;
    this.#translation.text += text;
    this.#translation.events.push({ tokensRead, wordsRead, text });
  }
}

function tokensIn(words: readonly SourceWord[]): number {
  return words.reduce((sum, { ids }) => sum + ids.length, 0);
}

/** The text in segments that the position limit allows; a new one begins with the word that does not fit. */
function segmentsOf(
  tokenizer: Tokenizer,
  text: string,
  maxSourceTokens: number,
  carrying: Carrying | undefined,
): Segment[] {
  const source = openReader(tokenizer, carrying);
  const units = [...source.push(text), ...source.flush()];
  const limit = maxSourceTokens - 1;
  const segments: Segment[] = [];
  let tokens = 0;
  let words = 0;
  let room = 0;
  for (const group of wordsOf(units, limit)) {
    if (segments.length === 0 || tokensIn(group) > room) {
      segments.push({ words: [], table: new PlaceholderTable(), tokensBefore: tokens, wordsBefore: words });
      room = limit;
    }
    const { words: into, table } = segments[segments.length - 1];
    for (const unit of group) {
      const ids = table.idsOf(unit);
      into.push({ ...unit, ids });
      room -= ids.length;
      tokens += ids.length;
    }
    words += group[0].startsWord ? 1 : 0;
  }
  return segments;
}

/** Units by white-space-delimited word; a word of more tokens than the limit in several parts. */
function wordsOf(units: readonly SourceWord[], limit: number): SourceWord[][] {
  const words: SourceWord[][] = [];
  for (const unit of units.flatMap((whole) => cutToFit(whole, limit))) {
    const last = words.at(-1);
    if (last === undefined || unit.startsWord || tokensIn(last) + unit.ids.length > limit) words.push([unit]);
    else last.push(unit);
  }
  return words;
}

/** A unit of more tokens than the limit, in parts that fit. */
function cutToFit(unit: SourceWord, limit: number): SourceWord[] {
  if (unit.ids.length <= limit) return [unit];
  const parts: SourceWord[] = [];
  for (let start = 0; start < unit.ids.length; start += limit) {
    const ids = unit.ids.slice(start, start + limit);
    parts.push({ text: start === 0 ? unit.text : "", ids, startsWord: unit.startsWord && start === 0 });
  }
  return parts;
}
