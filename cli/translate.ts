// `souffleur translate`: standard input as it comes, to a translation that grows.
import { type Command, Option } from "commander";
import type { GlossaryTerm } from "../models/glossary.ts";
import { chosenTarget, FORMALITIES, type Formality } from "../models/tags.ts";
import type { Wait } from "../models/wait.ts";
import { loadStudent, shippedBundle } from "./bundle-option.ts";
import { EXIT_CODES } from "./exit.ts";
import { readGlossary } from "./glossary-file.ts";
import { typedText } from "./keyboard.ts";
import { LineTranslation, plainDisplay } from "./line-translation.ts";
import { LiveDisplay } from "./live-display.ts";
import { parseWait } from "./parse-option.ts";

interface TranslateOptions {
  bundle?: string;
  target?: string;
  wait?: Wait;
  glossary?: GlossaryTerm[];
  formality?: Formality;
}

export function registerTranslate(program: Command): void {
  program
    .command("translate")
    .description("translate standard input as it comes")
    .option(
      "-b, --bundle <dir>",
      "folder of the bundle (default: the package's own for the target language, German unless --target says another)",
    )
    .option("-t, --target <language>", "the language to write, where the bundle has several")
    .option("--wait <tokens>", 'how many tokens to stay behind, or "full" (default: the bundle\'s own)', parseWait)
    .option(
      "--glossary <file>",
      "terms to translate as it says: a term, a tab and its translation a line",
      readGlossary,
    )
    .addOption(new Option("--formality <form>", "the form of address to use").choices(FORMALITIES))
    .addHelpText(
      "after",
      `
On a terminal both lines grow as you type; Enter ends a segment, Ctrl-D the stream.
Into a pipe or a file: one line of translation for each line of input.

Examples:
  $ souffleur translate
  $ souffleur translate --bundle models/en-de --wait 3 < talk.txt > talk.de.txt
  $ souffleur translate --glossary terms.tsv --formality formal < letter.txt
  $ echo "The meeting starts at nine." | souffleur translate --wait full`,
    )
    .action(translate);
}

async function translate(options: TranslateOptions): Promise<void> {
  const bundle = await loadStudent(options.bundle ?? (await shippedBundle(options.target)));
  const target = chosenTarget(bundle.manifest, options.target);
  const { wait, glossary, formality } = options;
  const { WorkerEngine } = await import("../server/engine/worker-engine.ts");
  const { SessionRunner } = await import("../server/session/session-runner.ts");
  const { sessionTarget } = await import("../server/session/session-target.ts");
  const asked = sessionTarget(bundle, { target, wait, glossary, formality });
  const engine = await WorkerEngine.start({ bundles: [bundle], workers: 1 });
  const { source } = bundle.manifest;
  const { stdin, stdout } = process;
  const live = stdout.isTTY ? new LiveDisplay(stdout, { source: `${source} │`, target: `${target} │` }) : undefined;
  const unlimited = { maxMessageCharacters: Number.MAX_SAFE_INTEGER, maxPendingCharacters: Number.MAX_SAFE_INTEGER };
  const translation = new LineTranslation(
    live ?? plainDisplay((text) => stdout.write(text)),
    (emit) =>
      new SessionRunner({
        settings: { source, targets: [asked], limits: unlimited },
        engine,
        now: () => performance.now(),
        emit,
        close: () => {},
      }),
  );
  const interrupt = () => {
    process.exitCode = EXIT_CODES.interrupted;
  };
  const typed = stdin.isTTY && live !== undefined;
  try {
    await translation.run(
      typed ? typedText(stdin, (text) => live.pending(text), interrupt) : stdin.setEncoding("utf8"),
    );
  } finally {
    await engine.close();
  }
}
