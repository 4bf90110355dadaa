// A caption file translated through the sessions' own code: put back on its cues' times, or as it would be seen live.
import type { Engine } from "../../engine/engine.ts";
import type { SessionMessage } from "../../session/session-event.ts";
import { SessionRunner } from "../../session/session-runner.ts";
import type { SessionTarget } from "../../session/session-target.ts";
import type { CaptionStyle } from "../lines/caption-style.ts";
import { type CaptionWord, captionWords, columnsOf, isUnspaced, textOf } from "../lines/caption-word.ts";
import { directedLines } from "../lines/direction.ts";
import { breakCaptions, breakLines } from "../lines/line-breaker.ts";
import { LineMaker } from "../lines/line-maker.ts";
import type { Cue } from "./cue.ts";
import { placeOnCues } from "./cue-placement.ts";
import { type CueShare, CueShares, cueSteps, isSpoken, spokenWords } from "./cue-text.ts";
import { SettledEngine } from "./settled-engine.ts";

export interface FileTranslationOptions {
  engine: Engine;
  /** The file's language tag. */
  source: string;
  /** With its `wait`: `full` keeps the cues' times, tokens behind give the times that a live viewer would see. */
  target: SessionTarget;
  style: CaptionStyle;
  /** Told after each segment how many of the cues are translated. */
  onProgress?(cues: number): void;
}

/** A cue of the translation with what its reader has to do. */
export interface TranslatedCue extends Cue {
  /** Columns a second. */
  readingSpeed: number;
  /** Milliseconds from when its first word was there to when it is shown; 0 where the file's own times are kept. */
  delay: number;
}

interface Segment {
  text: string;
  shares: CueShare[];
}

/** A file whose translation failed in the engine. */
export class FileTranslationError extends Error {
  override readonly name = "FileTranslationError";
}

/** Segments of one file in the engine at once. */
const OPEN_SEGMENTS = 32;

/**
 * Translates the cues of a file.
 * @param cues in the order of their times
 * @returns the translation's cues, in the order of their times; offline a cue without letters stays as it is
 * @throws FileTranslationError
 */
export async function translateCues(cues: readonly Cue[], options: FileTranslationOptions): Promise<TranslatedCue[]> {
  if (options.target.wait !== "full") return translateLive(cues, options);
  const spoken = keepTimes(cues, await translateSegments(cues, options), options);
  const unspoken = cues.filter((cue) => !isSpoken(cue) && cue.lines.length > 0);
  return [...spoken, ...unspoken.map((cue) => ({ ...cue, readingSpeed: 0, delay: 0 }))].sort(
    (a, b) => a.start - b.start,
  );
}

/** A session without a client: nothing limits what it is told at once. */
function openSession(
  { source, target }: FileTranslationOptions,
  engine: Engine,
  emit: (message: SessionMessage) => void,
  close: (failure: Error | undefined) => void,
): SessionRunner {
  let failure: Error | undefined;
  return new SessionRunner({
    settings: {
      source,
      targets: [target],
      limits: {
        maxMessageCharacters: Number.POSITIVE_INFINITY,
        maxPendingCharacters: Number.POSITIVE_INFINITY,
        maxOpenSegments: OPEN_SEGMENTS,
      },
    },
    engine,
    now: () => performance.now(),
    emit: (message) => {
      if (message.type === "error") failure = new FileTranslationError(`${message.code}: ${message.message}`);
      else emit(message);
    },
    close: () => close(failure),
  });
}

function translateSegments(cues: readonly Cue[], options: FileTranslationOptions): Promise<Segment[]> {
  const steps = cueSteps(cues);
  const shares = new CueShares(steps);
  return new Promise((resolve, reject) => {
    const segments: Segment[] = [];
    const take = (message: SessionMessage): void => {
      if (message.type !== "final") return;
      const share = shares.take(message.source);
      segments.push({ text: message.text, shares: share });
      options.onProgress?.((share.at(-1)?.cue ?? 0) + 1);
    };
    const runner = openSession(options, options.engine, take, (failure) =>
      failure === undefined ? resolve(segments) : reject(failure),
    );
    for (const step of steps) {
      if (step.type === "pause") runner.commit();
      else runner.text(step.text);
    }
    runner.end();
  });
}

/** Offline: every cue keeps its times and gets its share of the sentences that were said in it. */
function keepTimes(
  cues: readonly Cue[],
  segments: readonly Segment[],
  { target: { language }, style }: FileTranslationOptions,
): TranslatedCue[] {
  const words: CaptionWord[][] = cues.map(() => []);
  for (const { text, shares } of segments) {
    const placed = placeOnCues(captionWords(text, language, style.columns), shares, language);
    for (const [index, part] of placed.entries()) {
      const own = words[shares[index].cue];
      for (const [place, word] of part.entries())
        own.push(place === 0 ? { ...word, spaced: own.length > 0 && !isUnspaced(word.text) } : word);
    }
  }
  return cues.flatMap((cue, index) => fitIntoCue(cue, words[index], style, language));
}

/** One cue, or several that share its time by their length where the text needs more lines than a caption has. */
function fitIntoCue(cue: Cue, words: readonly CaptionWord[], style: CaptionStyle, language: string): TranslatedCue[] {
  // The cue's times are given: how fast it must be read is reported, and moves no word.
  const limits = { ...style, maxMs: Number.POSITIVE_INFINITY };
  const whole = breakLines(words, limits, language);
  const captions = whole === undefined ? breakCaptions(words, limits, language) : [whole];
  const columns = captions.map((lines) => lines.reduce((sum, line) => sum + columnsOf(line), 0));
  const total = columns.reduce((sum, one) => sum + one, 0);
  let before = 0;
  return captions.map((lines, index) => {
    const [start, end] = [before, before + columns[index]].map(
      (place) => cue.start + Math.round(((cue.end - cue.start) * place) / total),
    );
    before += columns[index];
    const seconds = Math.max(1, end - start) / 1000;
    const placed = {
      start,
      end,
      lines: directedLines(lines.map(textOf), language),
      readingSpeed: columns[index] / seconds,
    };
    return { ...placed, delay: 0, ...(cue.settings === undefined ? {} : { settings: cue.settings }) };
  });
}

/** As it would be live: the words come one by one, and what each allows is written before the next one comes. */
async function translateLive(cues: readonly Cue[], options: FileTranslationOptions): Promise<TranslatedCue[]> {
  const { style, source, target, onProgress } = options;
  const maker = new LineMaker(style, target.language);
  const translated: TranslatedCue[] = [];
  const engine = new SettledEngine(options.engine);
  let clock = 0;
  let ended: { failure: Error | undefined } | undefined;
  const take = (message: SessionMessage): void => {
    if (message.type !== "delta" && message.type !== "final") return;
    for (const event of maker.take(message, clock)) {
      if (event.type !== "caption") continue;
      const { start, end, lines, readingSpeed, delay } = event;
      translated.push({ start, end, lines, readingSpeed, delay });
    }
  };
  const runner = openSession(options, engine, take, (failure) => {
    ended = { failure };
  });
  const settle = async (): Promise<void> => {
    await engine.settled();
    if (ended?.failure !== undefined) throw ended.failure;
  };
  for (const step of cueSteps(cues)) {
    if (step.type === "pause") runner.commit();
    else {
      for (const { text, at } of spokenWords(cues[step.cue], source)) {
        // Cues may overlap: what is live never goes back.
        clock = Math.max(clock, at);
        runner.text(text);
        await settle();
      }
      onProgress?.(step.cue + 1);
    }
    await settle();
  }
  runner.end();
  await settle();
  return translated;
}
