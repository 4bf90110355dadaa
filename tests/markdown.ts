// What the documents show in code: blocks, words between backticks, and the command lines of `souffleur` in both.

export interface CodeBlock {
  /** What stands after the fence: `ts`, `console`. */
  readonly language: string;
  readonly text: string;
}

const BLOCK = /^( *)```(\w*)[^\n]*\n([\s\S]*?)^\1```$/gm;

/** Fenced blocks in their order, without the indentation of the list that they stand in. */
export function codeBlocks(markdown: string): CodeBlock[] {
  return [...markdown.matchAll(BLOCK)].map(([, indent, language, text]) => ({
    language,
    text: text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

/** The text alone: what looks like a heading or a link in code is none. */
export function withoutCode(markdown: string): string {
  return markdown.replaceAll(BLOCK, "").replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ""));
}

export function inlineCode(markdown: string): string[] {
  return [...markdown.replaceAll(BLOCK, "").matchAll(/`([^`\n]+)`/g)].map(([, code]) => code);
}

/** `souffleur`, in every way to call it. */
const CALL =
  /^\s*(?:\w+=\S* )*(?:npx souffleur|npm run (?:--silent )?souffleur --|node dist\/cli\/main\.js|souffleur) (.+)$/;

/** Every command line of `souffleur` that a document shows, as its words after the command's name. */
export function commandsOf(markdown: string): string[][] {
  const shells = codeBlocks(markdown).filter(({ language }) => ["console", "sh", "bash"].includes(language));
  const lines = shells.flatMap(({ language, text }) => {
    const whole = text.replaceAll(/\\\n\s*/g, "").split("\n");
    // In a `console` the rest is output.
    return language === "console" ? whole.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2)) : whole;
  });
  return [...lines, ...inlineCode(markdown)]
    .flatMap((line) => line.split(/\|\||&&|[|;&]/))
    .flatMap((line) => {
      const [, rest] = CALL.exec(line.replace(/^\s*npm start --/, "souffleur serve")) ?? [];
      return rest === undefined
        ? []
        : [
            rest
              .split(/ #| \d?[<>]/)[0]
              .trim()
              .split(/\s+/),
          ];
    });
}
