// What the documents name exists: files and headings they link to, commands and flags they show, recipes they print.
import { basename, dirname, join, normalize } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { makeProgram } from "../cli/program.ts";
import { parseRecipe } from "../trainer/recipe.ts";
import { codeBlocks, commandsOf, inlineCode, withoutCode } from "./markdown.ts";
import { contentOf, isShippedBundle, trackedFiles } from "./tracked-files.ts";

const files = new Set(trackedFiles());
const folders = new Set([...files].flatMap((path) => parentsOf(path)));
const documents = [...files].filter((path) => path.endsWith(".md") && !isShippedBundle(path));
const program = makeProgram();

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === "." ? [] : [parent, ...parentsOf(parent)];
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(markdown: string): Set<string> {
  const headings = [...withoutCode(markdown).matchAll(/^#{1,6} +(.+)$/gm)].map(([, text]) => text);
  const seen = new Map<string, number>();
  return new Set(
    headings.map((text) => {
      const plain = text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
      const slug = plain.replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    }),
  );
}

/** Links that lead nowhere. */
function brokenLinks(path: string, markdown: string): string[] {
  const links = [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const [target, anchor] = link.split("#");
    const file = target === "" ? path : normalize(join(dirname(path), target)).replace(/\/$/, "");
    if (!files.has(file) && !folders.has(file)) return true;
    return anchor !== undefined && !anchorsOf(file === path ? markdown : contentOf(file)).has(anchor);
  });
}

/** Why a command line of `souffleur` would not be taken; undefined where it would. */
function problemOf(words: readonly string[], start: Command = program): string | undefined {
  let command = start;
  let rest = [...words];
  while (command.commands.length > 0 && rest.length > 0 && /^[a-z]/.test(rest[0])) {
    const [name] = rest;
    const next = command.commands.find((one) => one.name() === name);
    if (next === undefined) return `there is no command "${name}"`;
    command = next;
    rest = rest.slice(1);
  }
  const separator = rest.indexOf("--");
  const own = separator < 0 ? rest : rest.slice(0, separator);
  const flags = own.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.split("=")[0]);
  const known = [...command.options, ...program.options].flatMap(({ long, short }) => [long, short]);
  const unknown = flags.find((flag) => ![...known, "--help", "-h"].includes(flag));
  if (unknown !== undefined) return `${command.name()} has no option ${unknown}`;
  // `bench load -- …` passes the rest on to `serve`.
  return separator < 0 ? undefined : problemOf(["serve", ...rest.slice(separator + 1)]);
}

it("finds what is wrong", () => {
  expect(
    brokenLinks("README.md", "# A b\n[x](#a-b) [y](docs/protocol.md#limits) [z](server/) [s](https://a.b)"),
  ).toEqual([]);
  const broken = ["#a", "docs/nothing.md", "docs/protocol.md#nothing"];
  expect(brokenLinks("README.md", `# B\n${broken.map((link) => `[x](${link})`).join(" ")}`)).toEqual(broken);
  const shown = commandsOf(
    '```console\n$ A=1 souffleur serve --port 1 \\\n  --sing\noutput\n$ echo "x" | souffleur sing --x > f\n```\n`souffleur bench load -- --port 1` `npm start -- --host x`',
  );
  expect(shown).toEqual([
    ["serve", "--port", "1", "--sing"],
    ["sing", "--x"],
    ["bench", "load", "--", "--port", "1"],
    ["serve", "--host", "x"],
  ]);
  expect(shown.map((words) => problemOf(words))).toEqual([
    "serve has no option --sing",
    'there is no command "sing"',
    undefined,
    undefined,
  ]);
  expect(problemOf(["bench", "load", "--", "--streams", "3"])).toBe("serve has no option --streams");
});

describe.each(documents)("%s", (path) => {
  const markdown = contentOf(path);

  it("links to what is there", () => {
    expect(brokenLinks(path, markdown)).toEqual([]);
  });

  it("names files that are there", () => {
    const named = inlineCode(markdown).filter((code) =>
      /^(cli|models|server|trainer|bench|clients|scripts|tests|docs|deploy)\/[\w./-]+\.(ts|js|mjs|py|md|ya?ml|html|css)$/.test(
        code,
      ),
    );
    expect(named.filter((code) => !files.has(code))).toEqual([]);
  });

  it("shows commands and flags that are there", () => {
    const wrong = commandsOf(markdown).flatMap((words) => {
      const problem = problemOf(words);
      return problem === undefined ? [] : [`souffleur ${words.join(" ")}: ${problem}`];
    });
    expect(wrong).toEqual([]);
  });

  it("runs scripts of the package", () => {
    const schema = z.object({ scripts: z.record(z.string(), z.string()) });
    const { scripts } = schema.parse(JSON.parse(contentOf("package.json")));
    const code = [...inlineCode(markdown), ...codeBlocks(markdown).map((block) => block.text)].join("\n");
    const named = [...code.matchAll(/\bnpm (?:run (?:--silent )?([a-z:]+)|(start|test))\b/g)];
    expect(named.map(([, run, short]) => run ?? short).filter((name) => !(name in scripts))).toEqual([]);
  });

  it("prints recipes that are taken", () => {
    for (const { language, text } of codeBlocks(markdown)) {
      if (language === "yaml" && /^name:/m.test(text) && /^corpus:/m.test(text)) parseRecipe(text, basename(path));
    }
  });
});
