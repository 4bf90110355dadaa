// What one setting of the server is beside its schema: the texts that explain it, its names outside, its value from text.
import { z } from "zod";

/** What is told of a setting wherever it is explained: `--help`, `--print-config`, docs/operating.md. */
export interface SettingTexts {
  /** What it is, without its default. Ends without a full stop. */
  meaning: string;
  /** What happens past it, or where it cannot be had. Ends without a full stop. */
  past: string;
  /** What its value is, as shown in `--help`: `number`, `duration`, `address`, … Its unit, where it has one. */
  value: string;
  /** Its flag, where it is not `--` and the setting's name in kebab-case: `-p, --port`, `-b, --bundle`. */
  flag?: string;
  /** Read after `SOUFFLEUR_…`: names that the outside world has for it. */
  env?: readonly string[];
  /** What its default is, in words, where the value would not say. */
  byDefault?: string;
  /** Its value is never shown. */
  secret?: boolean;
}

/** Where a schema's entries keep their texts. */
export const settingTexts = z.registry<SettingTexts>();

/** A setting with all its names. */
export interface Setting extends SettingTexts {
  /** Its name in the program: `idleTimeoutMs`. */
  key: string;
  /** Its name in a configuration file: `idleTimeout`. */
  name: string;
  /** `--idle-timeout`, a short one before it where it has one. */
  flag: string;
  /** `SOUFFLEUR_IDLE_TIMEOUT` first. */
  env: readonly string[];
  kind: "boolean" | "duration" | "list" | "number" | "text";
  /** Undefined where leaving it out is a choice of its own. */
  default: unknown;
  /** Its default as one would write it, or in words. */
  defaultText: string;
}

const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/;
const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A duration in whole milliseconds; outside it is written as seconds, or with a unit. Its setting's key ends in `Ms`. */
export function duration({ least = 0 }: { least?: number } = {}) {
  const message = `must be a duration${least === 0 ? "" : ` of ${formatDuration(least)} or more`}: seconds, or a number with ms, s, m or h, such as 90s`;
  return z.int(message).min(least, message);
}

/** Whole numbers of a range, both ends included. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  const message =
    max === Number.MAX_SAFE_INTEGER
      ? `must be a whole number, at least ${min}`
      : `must be a whole number from ${min} to ${max}`;
  return z.int(message).min(min, message).max(max, message);
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, string, ...string[]]>(words: Words) {
  return z.enum(words, `must be ${words.slice(0, -1).join(", ")} or ${words.at(-1)}`);
}

/** Text that is not empty; `what` says what it must be: "must be an address". */
export function text(what: string) {
  return z.string(what).min(1, what);
}

/** A list of such texts. */
export function list(what: string) {
  return z.array(text(what), what);
}

/** Milliseconds as `300s` or `250ms`. */
export function formatDuration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/**
 * Every setting of a schema, in its order.
 * @throws TypeError for an entry without texts
 */
export function describeSettings(shape: Readonly<Record<string, z.ZodType>>): Setting[] {
  return Object.entries(shape).map(([key, schema]) => {
    const texts = settingTexts.get(schema);
    if (texts === undefined) throw new TypeError(`the setting ${key} has no texts: register them with settingTexts`);
    const kind = kindOf(key, schema);
    const name = key.replace(/Ms$/, "");
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const byDefault = schema.safeParse(undefined).data;
    return {
      ...texts,
      key,
      name,
      kind,
      flag: texts.flag ?? `--${kebab}`,
      env: [`SOUFFLEUR_${kebab.toUpperCase().replaceAll("-", "_")}`, ...(texts.env ?? [])],
      default: byDefault,
      defaultText: texts.byDefault ?? shown(kind, byDefault),
    };
  });
}

/** A value as one would write it in a file. */
export function formatValue(setting: Setting, value: unknown): string {
  return setting.secret === true && value !== undefined ? "(redacted)" : shown(setting.kind, value);
}

/**
 * A value from the text of a flag, a variable or a file. Text that does not fit is given back as it is: the schema says
 * what is wrong with it.
 */
export function readValue(setting: Pick<Setting, "kind">, text: string): unknown {
  switch (setting.kind) {
    case "number":
      return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
    case "duration": {
      const [, amount, unit = "s"] = DURATION.exec(text) ?? [];
      const factor = Object.entries(MILLISECONDS).find(([name]) => name === unit)?.[1];
      return amount === undefined || factor === undefined ? text : Number(amount) * factor;
    }
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "list":
      return text.split(",").map((part) => part.trim());
    case "text":
      return text;
  }
}

function shown(kind: Setting["kind"], value: unknown): string {
  if (value === undefined) return "";
  if (kind === "duration" && typeof value === "number") return formatDuration(value);
  return Array.isArray(value) ? value.join(", ") : String(value);
}

function kindOf(key: string, schema: z.ZodType): Setting["kind"] {
  let inner: unknown = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap();
  if (inner instanceof z.ZodNumber) return key.endsWith("Ms") ? "duration" : "number";
  if (inner instanceof z.ZodBoolean) return "boolean";
  if (inner instanceof z.ZodArray) return "list";
  if (inner instanceof z.ZodString || inner instanceof z.ZodURL || inner instanceof z.ZodEnum) return "text";
  throw new TypeError(`the setting ${key} is of a kind that no flag can give`);
}
