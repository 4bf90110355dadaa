// Latency of simultaneous translation in source words: AL, LAAL, DAL and AP, equal to SimulEval's.

/** What one sentence's output looked like from the source's side; computation time does not enter. */
export interface SentenceDelays {
  /** For each target word the number of source words read when it was complete: D_1 … D_|H|. */
  delays: readonly number[];
  /** |X|: words of the source, at least 1. */
  sourceLength: number;
  /**
   * |Y|: words of the reference. With several references it is the first one's, because SimulEval knows one reference
   * only and because the nearest or the shortest would let an output choose the length it is measured with.
   */
  referenceLength: number;
}

/** Means over sentences; null when no sentence had any output. */
export interface LatencyScores {
  averageLagging: number | null;
  laal: number | null;
  dal: number | null;
  averageProportion: number | null;
}

/**
 * Average Lagging in source words (Ma et al. 2019, "STACL", §5):
 * `AL = 1/τ · Σ_{i=1..τ} (D_i − (i−1)·|X|/|Y|)`, τ the first target word written with the whole source read, or the last
 * word. As in SimulEval |Y| is the reference's length, so that a short output does not look fast.
 */
export function averageLagging(sentence: SentenceDelays): number {
  return laggingBehind(sentence, sentence.referenceLength);
}

/**
 * Length-Adaptive Average Lagging in source words (Polák et al. 2022; Papi et al. 2022): AL with `max(|Y|, |H|)` in
 * place of |Y|, so that an overlong output gains nothing.
 */
export function lengthAdaptiveAverageLagging(sentence: SentenceDelays): number {
  return laggingBehind(sentence, Math.max(sentence.delays.length, sentence.referenceLength));
}

/**
 * Differentiable Average Lagging in source words (Cherry & Foster 2019; Arivazhagan et al. 2019, "MILk"), with
 * γ = |H|/|X|: `D'_1 = D_1`, `D'_i = max(D_i, D'_{i−1} + 1/γ)`, `DAL = 1/|H| · Σ (D'_i − (i−1)/γ)`.
 */
export function differentiableAverageLagging(sentence: SentenceDelays): number {
  const { delays, sourceLength } = checked(sentence);
  const gamma = delays.length / sourceLength;
  let sum = 0;
  let previous = 0;
  for (const [index, delay] of delays.entries()) {
    previous = index === 0 ? delay : Math.max(delay, previous + 1 / gamma);
    sum += previous - index / gamma;
  }
  return sum / delays.length;
}

/**
 * Average Proportion (Cho & Esipova 2016, §3): `AP = Σ D_i / (|X|·|Y|)`. As in SimulEval |Y| is the reference's length:
 * an output longer than it can exceed 1.
 */
export function averageProportion(sentence: SentenceDelays): number {
  const { delays, sourceLength, referenceLength } = checked(sentence);
  return delays.reduce((sum, delay) => sum + delay, 0) / (sourceLength * referenceLength);
}

/**
 * All four, averaged over sentences. As in SimulEval a sentence without output has no latency and is left out (BLEU's
 * brevity penalty is what it costs); when none is left, all four are null.
 */
export function corpusLatency(sentences: readonly SentenceDelays[]): LatencyScores {
  const spoken = sentences.filter((sentence) => sentence.delays.length > 0);
  return {
    averageLagging: mean(spoken.map(averageLagging)),
    laal: mean(spoken.map(lengthAdaptiveAverageLagging)),
    dal: mean(spoken.map(differentiableAverageLagging)),
    averageProportion: mean(spoken.map(averageProportion)),
  };
}

function laggingBehind(sentence: SentenceDelays, targetLength: number): number {
  const { delays, sourceLength } = checked(sentence);
  // SimulEval's rule for an output that begins after the end of its source.
  if (delays[0] > sourceLength) return delays[0];
  const gamma = targetLength / sourceLength;
  let sum = 0;
  let counted = 0;
  for (const delay of delays) {
    sum += delay - counted / gamma;
    counted += 1;
    if (delay >= sourceLength) break;
  }
  return sum / counted;
}

function checked(sentence: SentenceDelays): SentenceDelays {
  if (sentence.delays.length === 0) throw new RangeError("a sentence without output has no latency");
  if (sentence.sourceLength < 1) throw new RangeError("latency needs a source of at least one word");
  if (sentence.referenceLength < 1) throw new RangeError("latency needs a reference of at least one word");
  return sentence;
}

function mean(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
