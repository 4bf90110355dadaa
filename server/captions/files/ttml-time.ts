// TTML's time expressions (TTML2, section 12.3.1): clock times with fractions or frames, and offsets with a unit.

/** What a document says of its frames and ticks. */
export interface TtmlClock {
  framesPerSecond: number;
  ticksPerSecond: number;
}

const CLOCK = /^(\d{2,}):([0-5]\d):([0-5]\d|60)(?:\.(\d+)|:(\d{2,})(?:\.\d+)?)?$/;
const OFFSET = /^(\d+(?:\.\d+)?)(h|m|s|ms|f|t)$/;

/** The clock that the attributes of `tt` set: `ttp:frameRate`, `ttp:frameRateMultiplier`, `ttp:tickRate`. */
export function ttmlClock(parameter: (name: string) => string | undefined): TtmlClock {
  const [numerator = 1, denominator = 1] = (parameter("frameRateMultiplier") ?? "")
    .split(/\s+/)
    .filter(Boolean)
    .map(Number);
  const rate = Number(parameter("frameRate") ?? 30);
  const framesPerSecond = positive((rate * numerator) / denominator, 30);
  const given = parameter("tickRate");
  const byDefault = parameter("frameRate") === undefined ? 1 : framesPerSecond;
  return { framesPerSecond, ticksPerSecond: given === undefined ? byDefault : positive(Number(given), 1) };
}

/** Milliseconds; undefined where it is no time expression. */
export function parseTtmlTime(text: string, { framesPerSecond, ticksPerSecond }: TtmlClock): number | undefined {
  const clock = CLOCK.exec(text);
  if (clock !== null) {
    const [, hours, minutes, seconds, fraction, frames] = clock;
    const whole = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
    return Math.round((whole + Number(`0.${fraction ?? 0}`) + Number(frames ?? 0) / framesPerSecond) * 1000);
  }
  const [, amount, unit] = OFFSET.exec(text) ?? [];
  if (amount === undefined) return undefined;
  const inMs = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, f: 1000 / framesPerSecond, t: 1000 / ticksPerSecond }[unit];
  return inMs === undefined ? undefined : Math.round(Number(amount) * inMs);
}

function positive(value: number, otherwise: number): number {
  return Number.isFinite(value) && value > 0 ? value : otherwise;
}
