// Writes the table of docs/operating.md anew from the settings' schema: `npm run build && node scripts/settings-table.mjs`.
import { readFileSync, writeFileSync } from "node:fs";
import { SERVER_SETTINGS } from "../dist/server/settings.js";

const PAGE = new URL("../docs/operating.md", import.meta.url);
const HEAD = ["setting", "flag", "default", "meaning", "past it"];

const rows = SERVER_SETTINGS.map(({ name, flag, value, defaultText, meaning, past }) => [
  `\`${name}\``,
  `\`${flag} <${value}>\``,
  defaultText,
  meaning,
  past,
]);
const widths = HEAD.map((head, column) =>
  Math.max(...[head, ...rows.map((row) => row[column])].map((text) => text.length)),
);
const line = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
const table = [line(HEAD), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");

const page = readFileSync(PAGE, "utf8");
const old = /^\| setting +\| flag .*\n(?:\|.*\n)+/m;
if (!old.test(page)) throw new Error("docs/operating.md has no table that begins with | setting | flag |");
writeFileSync(
  PAGE,
  page.replace(old, () => `${table}\n`),
);
