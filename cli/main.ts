#!/usr/bin/env node
// The command `souffleur`.
import { EXIT_CODES } from "./exit.ts";
import { run } from "./program.ts";

// Whoever reads the output may stop reading (`souffleur translate | head`): that is no fault.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? EXIT_CODES.done : EXIT_CODES.failed);
});

process.exit(await run(process.argv.slice(2)));
