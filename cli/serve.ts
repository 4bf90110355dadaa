// `souffleur serve`: the server, until it is told to stop.
import { type Command, Option } from "commander";
import type { ServerSettings } from "../server/settings.ts";
import { checkBundleFolder } from "./bundle-option.ts";
import { EXIT_CODES } from "./exit.ts";
import { parseInteger } from "./parse-option.ts";

interface ServeOptions {
  port: number;
  host: string;
  bundle?: string[];
  workers?: number;
  transport: "auto" | "uws" | "ws";
  maxSessions: number;
  idleTimeout: number;
  drainTimeout: number;
  logLevel: NonNullable<ServerSettings["logLevel"]>;
}

export function registerServe(program: Command): void {
  program
    .command("serve")
    .description("translate streams over WebSocket, and serve the live page")
    .addOption(
      new Option("-p, --port <number>", "port to listen on; 0 takes a free one")
        .env("PORT")
        .default(8080)
        .argParser(parseInteger(0, 65535)),
    )
    .option("--host <address>", "address to listen on; 0.0.0.0 for all", "127.0.0.1")
    .option("-b, --bundle <dir...>", "folders of the bundles to serve (default: the package's models/en-de)")
    .option("-w, --workers <number>", "inference threads (default: one for each core but one)", parseInteger(1, 1024))
    .addOption(
      new Option("--transport <name>", "what carries the streams").choices(["auto", "uws", "ws"]).default("auto"),
    )
    .option("--max-sessions <number>", "open streams at once", parseInteger(1, 1_000_000), 20_000)
    .option(
      "--idle-timeout <seconds>",
      "close streams that send nothing for so long; 0: never",
      parseInteger(0, 86_400),
      300,
    )
    .option(
      "--drain-timeout <seconds>",
      "how long open segments may take to finish on SIGTERM",
      parseInteger(0, 3_600),
      20,
    )
    .addOption(
      new Option("--log-level <level>", "what goes to the log, on standard error")
        .choices(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
        .default("info"),
    )
    .addHelpText(
      "after",
      `
Examples:
  $ souffleur serve
  $ souffleur serve --port 9000 --host 0.0.0.0 --workers 4
  $ souffleur serve --bundle models/en-de runs/my-model --log-level warn

SIGTERM and SIGINT drain: open segments are finished and sent, streams are closed with 1001, exit code 0.
A second SIGINT stops at once.`,
    )
    .action(serve);
}

async function serve(options: ServeOptions): Promise<void> {
  for (const dir of options.bundle ?? []) checkBundleFolder(dir);
  const { DEFAULT_BUNDLE } = await import("../server/settings.ts");
  if (options.bundle === undefined) checkBundleFolder(DEFAULT_BUNDLE);
  const { startServer } = await import("../server/main.ts");
  const server = await startServer({
    port: options.port,
    host: options.host,
    bundles: options.bundle,
    workers: options.workers,
    transport: options.transport,
    maxSessions: options.maxSessions,
    idleTimeoutMs: options.idleTimeout * 1000,
    drainTimeoutMs: options.drainTimeout * 1000,
    logLevel: options.logLevel,
  });
  process.stdout.write(
    [
      `Souffleur serves ${server.models.join(", ")} (transport ${server.transport})`,
      `  live page  ${server.url}`,
      `  stream     ${server.streamUrl}`,
      `  metrics    ${server.metricsUrl}`,
      "",
    ].join("\n"),
  );
  await new Promise<void>((resolve, reject) => {
    let stopping = false;
    const stop = (signal: NodeJS.Signals) => {
      if (stopping && signal === "SIGINT") process.exit(EXIT_CODES.interrupted);
      if (stopping) return;
      stopping = true;
      server.close().then(resolve, reject);
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  });
}
