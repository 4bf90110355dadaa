// Times in caption files: milliseconds to clock times and back.

/** 3,723,004 → `01:02:03.004`; SRT's mark is a comma. Hours grow past two digits when they must. */
export function formatClock(ms: number, mark: "." | "," = "."): string {
  const whole = Math.max(0, Math.round(ms));
  const [hours, minutes] = [Math.floor(whole / 3_600_000), Math.floor((whole % 3_600_000) / 60_000)];
  const [seconds, rest] = [Math.floor((whole % 60_000) / 1000), whole % 1000];
  return `${two(hours)}:${two(minutes)}:${two(seconds)}${mark}${String(rest).padStart(3, "0")}`;
}

const CLOCK = /^(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?$/;

/** `01:02:03.004`, `02:03.004`, `01:02:03,004` → milliseconds; undefined for anything else, minutes past 59 among it. */
export function parseClock(text: string): number | undefined {
  const [, hours = "0", minutes = "", seconds = "", fraction = "0"] = CLOCK.exec(text) ?? [];
  if (minutes === "" || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000 + Number(fraction.padEnd(3, "0"));
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
