// A page of tables and plots as one HTML file that needs nothing else. Light and dark as the reader's system is.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PAGE_SCRIPT, PAGE_STYLE } from "./page-look.ts";

/** One plot: its lines share the x axis. */
export interface Plot {
  readonly title: string;
  readonly x: string;
  /** Points are marked, and lines are straight between them: few measurements. */
  readonly marked: boolean;
  readonly lines: readonly PlotLine[];
}

export interface PlotLine {
  readonly label: string;
  readonly curve: Curve;
  /** Without marks: a level to compare with. */
  readonly dashed?: boolean;
  /** Which of the page's colours; its place among the lines when left out. */
  readonly color?: number;
}

/** Places of a curve; a gap is null. */
export interface Curve {
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
}

/** What a page holds. Texts are escaped here, sections are HTML. */
export interface Page {
  readonly title: string;
  readonly heading: string;
  /** Under the heading, with dots between; an empty one is left out. */
  readonly facts: readonly string[];
  /** {@link section}s, and where the plots go: {@link plotSection}. */
  readonly sections: readonly string[];
  readonly plots: readonly Plot[];
}

export function htmlPage({ title, heading, facts, sections, plots }: Page): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${plotFile("uPlot.min.css")}
${PAGE_STYLE}</style>
<header>
<h1>${escaped(heading)}</h1>
<p>${facts
    .filter((fact) => fact !== "")
    .map(escaped)
    .join(" · ")}</p>
</header>
<main>
${sections.join("\n")}
</main>
<script>${plotFile("uPlot.iife.min.js")}</script>
<script id="plots" type="application/json">${JSON.stringify(plots).replaceAll("<", "\\u003c")}</script>
<script>${PAGE_SCRIPT}</script>
</html>
`;
}

/** When a page was written, for its facts. */
export const writtenAt = (time: Date): string => `written ${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** The places of all plots; "" where there is none. */
export function plotSection(title: string, plots: readonly Plot[]): string {
  const figures = plots.map(
    (plot, at) => `<figure><figcaption>${escaped(plot.title)}</figcaption><div id="plot-${at}"></div></figure>`,
  );
  return figures.length === 0 ? "" : section(title, `<div class="plots">${figures.join("\n")}</div>`);
}

export const section = (title: string, content: string): string =>
  content === "" ? "" : `<section><h2>${title}</h2>${content}</section>`;

/** The plotting library's own files, which the page carries along. */
function plotFile(name: string): string {
  return readFileSync(join(dirname(createRequire(import.meta.url).resolve("uplot")), name), "utf8");
}

/** "" where there are no rows; numbers stand to the right. */
export function table(headers: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  if (rows.length === 0) return "";
  const isNumber = (text: string) => /^-?[\d.,]*$/.test(text);
  const right = headers.map((_, at) => rows.every((row) => isNumber(String(row[at] ?? ""))));
  const cell = (tag: string, text: string, at: number) =>
    `<${tag}${right[at] ? ' class="n"' : ""}>${escaped(text)}</${tag}>`;
  const head = headers.map((text, at) => cell("th", text, at)).join("");
  const body = rows.map((row) => `<tr>${row.map((value, at) => cell("td", String(value ?? ""), at)).join("")}</tr>`);
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table></div>`;
}

export const fixed = (value: number | null, digits = 2): string => (value === null ? "" : value.toFixed(digits));

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
