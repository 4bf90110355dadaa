// The server's settings from where they are given: a file, then the environment, then flags; the later wins.
import { readValue, type Setting } from "../server/setting.ts";
import {
  type ResolvedServerSettings,
  SERVER_SETTINGS,
  SettingsError,
  serverSettingsSchema,
} from "../server/settings.ts";
import { nearestWord } from "../trainer/recipe-fields.ts";
import { readSettingsFile } from "./settings-file.ts";

/** Names a file where `--config` does not. */
export const CONFIG_VARIABLE = "SOUFFLEUR_CONFIG";

/** What the trainer reads: no mistyped settings of the server. */
const OTHER_VARIABLES = ["SOUFFLEUR_DATA", "SOUFFLEUR_PYTHON", "SOUFFLEUR_WORK", CONFIG_VARIABLE];

export interface SettingsSources {
  /** The file's path. */
  config?: string;
  env: Readonly<Record<string, string | undefined>>;
  /** Values of flags by the setting's key: text, or a list where the flag takes several. */
  flags: Readonly<Record<string, unknown>>;
}

export interface GatheredSettings {
  settings: ResolvedServerSettings;
  /** Where each setting that is not at its default comes from: `--port`, `PORT`, `souffleur.yaml:3`. */
  places: ReadonlyMap<string, string>;
  /** Variables that look like mistyped settings, in words. */
  warnings: readonly string[];
}

/** Throws SettingsError with a line for each setting that cannot be used: its name, what it must be, and its place. */
export function gatherSettings({ config, env, flags }: SettingsSources): GatheredSettings {
  const values: Record<string, unknown> = {};
  const places = new Map<string, string>();
  const problems: string[] = [];
  const take = (setting: Setting, value: unknown, place: string) => {
    values[setting.key] = read(setting, value);
    places.set(setting.key, place);
  };
  const path = config ?? env[CONFIG_VARIABLE];
  for (const { name, value, place } of path === undefined ? [] : readSettingsFile(path)) {
    const setting = SERVER_SETTINGS.find((one) => one.name === name);
    if (setting === undefined) problems.push(`${place}: there is no setting ${name}${meant(name)}`);
    else take(setting, value, place);
  }
  for (const setting of SERVER_SETTINGS) {
    const variable = setting.env.find((name) => env[name] !== undefined && env[name] !== "");
    if (variable !== undefined) take(setting, env[variable], variable);
    const flag = flags[setting.key];
    if (flag !== undefined) take(setting, flag, longFlag(setting));
  }
  const parsed = serverSettingsSchema.safeParse(values);
  for (const issue of parsed.error?.issues ?? []) {
    const setting = SERVER_SETTINGS.find(({ key }) => key === issue.path[0]);
    if (setting === undefined) throw new TypeError(`an issue without a setting: ${issue.message}`);
    const said = setting.secret === true ? "" : ` (it is ${JSON.stringify(values[setting.key])})`;
    problems.push(`${places.get(setting.key)}: ${setting.name} ${issue.message}${said}`);
  }
  if (problems.length > 0 || parsed.data === undefined) throw new SettingsError(problems.join("\n  "));
  return { settings: parsed.data, places, warnings: mistyped(env) };
}

/** The long one of a setting's flags. */
export function longFlag({ flag }: Pick<Setting, "flag">): string {
  return flag.split(", ").at(-1) ?? flag;
}

/** Text becomes the setting's kind; a file's number is a duration in seconds. */
function read(setting: Setting, value: unknown): unknown {
  if (typeof value === "string") return readValue(setting, value);
  if (setting.kind === "duration" && typeof value === "number") return readValue(setting, String(value));
  return value;
}

function meant(name: string): string {
  const near = nearestWord(
    name,
    SERVER_SETTINGS.map((setting) => setting.name),
  );
  const list = "souffleur serve --print-config lists them";
  return near === undefined ? `: ${list}` : `; did you mean ${near}?`;
}

function mistyped(env: SettingsSources["env"]): string[] {
  const known = [...SERVER_SETTINGS.flatMap((setting) => setting.env), ...OTHER_VARIABLES];
  return Object.keys(env)
    .filter((name) => name.startsWith("SOUFFLEUR_") && !known.includes(name))
    .flatMap((name) => {
      const near = nearestWord(
        name.slice("SOUFFLEUR_".length),
        known.map((one) => one.replace("SOUFFLEUR_", "")),
      );
      return near === undefined ? [] : [`the variable ${name} is no setting; did you mean SOUFFLEUR_${near}?`];
    });
}
