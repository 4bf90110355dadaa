// The effective settings as a configuration file that explains itself: meaning, default, what happens past it, and place.
import { stringify } from "yaml";
import { formatDuration, formatValue, type Setting } from "../server/setting.ts";

const LINE = 100;

/**
 * YAML with a comment above each setting; it can be saved and given to `--config`. Secrets are left out of it.
 * @param places where a setting comes from, by key; those at their defaults are not in it
 */
export function printSettings(
  settings: readonly Setting[],
  values: Readonly<Record<string, unknown>>,
  places: ReadonlyMap<string, string>,
): string {
  return settings
    .map((setting) => {
      const { key, name, meaning, past, defaultText } = setting;
      const value = values[key];
      const place = places.get(key);
      const from = `# ${place === undefined ? "default" : `from ${place}`}`;
      const hidden = value === undefined || setting.secret === true;
      const shown = hidden ? formatValue(setting, value) || defaultText : inYaml(setting, value);
      const texts = `${meaning}. Default: ${defaultText || "none"}. Past it: ${past}.`.replaceAll("`", "");
      return `${comment(texts)}\n${hidden ? "# " : ""}${name}: ${shown}  ${from}\n`;
    })
    .join("\n");
}

function inYaml(setting: Setting, value: unknown): string {
  const outside = setting.kind === "duration" && typeof value === "number" ? formatDuration(value) : value;
  return stringify(outside, { lineWidth: 0, collectionStyle: "flow" }).trimEnd();
}

/** Text as comment lines. */
function comment(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line.length + word.length + 3 > LINE) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map((line) => `# ${line}`).join("\n");
}
