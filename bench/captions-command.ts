// `souffleur bench captions`: how late captions are.
import { type Command, Option } from "commander";
import type { CaptionStyleName } from "../server/captions/lines/caption-style.ts";
import { benchCaptions, formatCaptionsResult } from "./captions.ts";
import { positiveInteger } from "./flag-values.ts";

interface CaptionsFlags {
  style: CaptionStyleName;
  wpm: number;
  seconds: number;
  segmentSeconds: number;
  json?: boolean;
}

export function addCaptions(bench: Command): void {
  bench
    .command("captions")
    .description("time captions from the translation's words to receivers on this machine")
    .addOption(
      new Option("--style <name>", "the rules that lines keep")
        .choices(["netflix", "bbc-live", "cta-608"])
        .default("bbc-live"),
    )
    .option("--wpm <n>", "words a minute", positiveInteger, 150)
    .option("--seconds <n>", "how long to speak", positiveInteger, 60)
    .option("--segment-seconds <n>", "length of an HLS segment", positiveInteger, 6)
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
The receivers answer at once: what a platform adds is not in the figures, nor is the translation's own lag.`,
    )
    .action(async ({ json, ...options }: CaptionsFlags) => {
      const result = await benchCaptions(options);
      console.log(json ? JSON.stringify(result, null, 2) : formatCaptionsResult(result));
    });
}
