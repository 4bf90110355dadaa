// A segment of the source, and the messages that tell of it in each target.

import type { EngineOutput } from "../engine/engine.ts";
import type { DeltaMessage, FinalMessage } from "../protocol/server-messages.ts";
import type { SegmentLane } from "./segment-lane.ts";
import type { DeltaMeasure, FinalMeasure } from "./session-event.ts";

/** One for all targets. */
export interface Segment {
  index: number;
  source: string;
  /** Milliseconds of the speaker's clock, or since the session began. */
  start: number;
  end: number;
  /** On the session's clock. */
  openedAt: number;
  endedAt: number;
  lanes: SegmentLane[];
}

/** What of its line and its session a message needs. */
export interface MessageContext {
  segment: Segment;
  lane: SegmentLane;
  /** Language tag. */
  target: string;
  timings: boolean;
  now: number;
  /** Takes the next number of the session. */
  nextSeq(): number;
}

/** Writes an engine output; undefined when it adds no text. */
export function writeDelta(
  output: EngineOutput,
  { segment, lane, target, timings, now, nextSeq }: MessageContext,
): { message: DeltaMessage; measure: DeltaMeasure } | undefined {
  const first = lane.text === "";
  const { text, read, allowedAt } = lane.write(output);
  if (text === "") return undefined;
  const { queueMs, computeMs } = output;
  const latencyMs = now - allowedAt;
  const times = timings && { latency: rounded(latencyMs), queue: rounded(queueMs), compute: rounded(computeMs) };
  const sinceOpened = first && { firstDeltaMs: now - segment.openedAt };
  return {
    message: { type: "delta", segment: segment.index, target, text, read, seq: nextSeq(), ...times },
    measure: { type: "delta", latencyMs, queueMs, computeMs, ...sinceOpened },
  };
}

/** Closes a segment in one target. */
export function writeFinal({ segment, lane, target, timings, now, nextSeq }: MessageContext): {
  message: FinalMessage;
  measure: FinalMeasure;
} {
  const finalMs = now - segment.endedAt;
  const averageLagging = lane.averageLagging();
  const lagging = averageLagging !== undefined && { averageLagging: rounded(averageLagging) };
  return {
    message: {
      type: "final",
      segment: segment.index,
      target,
      source: segment.source.replace(/ $/, ""),
      text: lane.text,
      start: rounded(segment.start),
      end: rounded(segment.end),
      seq: nextSeq(),
      ...(timings && { latency: rounded(finalMs), ...lagging }),
    },
    measure: {
      type: "final",
      sourceWords: lane.words,
      sourceTokens: lane.tokens,
      targetTokens: lane.targetTokens,
      finalMs,
      averageLagging,
    },
  };
}

/** To the microsecond: what is below is noise on the wire. */
export function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
