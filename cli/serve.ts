// `souffleur serve`: the server, until it is told to stop.
import { type Command, Option } from "commander";
import type { Setting } from "../server/setting.ts";
import { SERVER_SETTINGS } from "../server/settings.ts";
import { checkBundleFolder } from "./bundle-option.ts";
import { EXIT_CODES } from "./exit.ts";
import { CONFIG_VARIABLE, gatherSettings, longFlag } from "./gather-settings.ts";
import { printSettings } from "./print-settings.ts";

interface ServeOptions extends Readonly<Record<string, unknown>> {
  config?: string;
  printConfig?: boolean;
}

export function registerServe(program: Command, { env }: { env: NodeJS.ProcessEnv }): void {
  const command = program
    .command("serve")
    .description("translate streams over WebSocket, and serve the live page")
    .option(
      "-c, --config <file>",
      `settings from a YAML or JSON file (or ${CONFIG_VARIABLE}); flags and variables come before it`,
    )
    .option("--print-config", "print every setting with its place, default and meaning, and end");
  for (const setting of SERVER_SETTINGS) command.addOption(optionOf(setting));
  command
    .addHelpText(
      "after",
      `
Examples:
  $ souffleur serve
  $ souffleur serve --port 9000 --host 0.0.0.0 --workers 4
  $ souffleur serve --bundle models/en-de runs/my-model --log-level warn
  $ SOUFFLEUR_MAX_SESSIONS=500 souffleur serve --config souffleur.yaml
  $ souffleur serve --print-config > souffleur.yaml

A duration is in seconds, or has a unit: 90, 90s, 500ms, 5m, 1h. Several bundles in a variable are separated by commas.

SIGTERM and SIGINT drain: open segments are finished and sent, streams are closed with 1001, exit code 0.
A second SIGINT stops at once. SIGHUP reads bundles and keys again: new streams take the new bundles, open ones end on
the old; started from a terminal it drains.`,
    )
    .action((options: ServeOptions) => serve(options, command, env));
}

/** A setting as a flag. Its value is read later, beside those from elsewhere: a flag that is not given is not there. */
function optionOf({ flag, value, kind, meaning, defaultText, env }: Setting): Option {
  const placeholder = kind === "boolean" ? "[boolean]" : `<${value}>`;
  const description = `${meaning} (default: ${defaultText || "none"}; ${env.join(", ")})`;
  const option = new Option(`${flag} ${placeholder}`, description.replaceAll("`", ""));
  return kind === "boolean" ? option.preset("true") : option;
}

async function serve(options: ServeOptions, command: Command, env: NodeJS.ProcessEnv): Promise<void> {
  const flags = Object.fromEntries(
    SERVER_SETTINGS.map((setting) => [setting.key, options[attributeOf(command, setting)]]),
  );
  const { settings, places, warnings } = gatherSettings({ config: options.config, env, flags });
  for (const warning of warnings) process.stderr.write(`souffleur: ${warning}\n`);
  if (options.printConfig) {
    process.stdout.write(printSettings(SERVER_SETTINGS, settings, places));
    return;
  }
  for (const dir of settings.bundles) checkBundleFolder(dir);
  const { startServer } = await import("../server/main.ts");
  const server = await startServer(settings);
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
    // From a terminal that is closed it means the end; from anywhere else, as with other servers, a reload.
    process.on("SIGHUP", (signal) => (process.stdin.isTTY ? stop(signal) : void server.reload()));
  });
}

/** The name under which the parser keeps a flag's value. */
function attributeOf(command: Command, setting: Setting): string {
  const option = command.options.find(({ long }) => long === longFlag(setting));
  if (option === undefined) throw new TypeError(`serve has no flag for ${setting.key}`);
  return option.attributeName();
}
