// `souffleur keys`: makes, lists and removes the API keys of a server.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { KeyFileError, type KeyRecord, makeKey, parseKeyFile, writeKeyFile } from "../server/admission/api-keys.ts";
import { UsageError } from "./exit.ts";

export function registerKeys(program: Command): void {
  const keys = program
    .command("keys")
    .description("make, list and remove the API keys of a server")
    .addHelpText(
      "after",
      `
The file keeps hashes, and a key is shown once: when it is made. A running server reads the file again by itself.

Examples:
  $ souffleur keys add studio --file keys.json
  $ souffleur keys list --file keys.json
  $ souffleur keys remove studio --file keys.json`,
    );
  keys
    .command("add")
    .description("make a key and print it")
    .argument("<name>", "whose it is: 1 to 64 letters, digits, dots, dashes or underscores")
    .requiredOption("-f, --file <path>", "key file; made where there is none")
    .action((name: string, { file }: { file: string }) => {
      const records = existsSync(file) ? read(file) : [];
      if (records.some((record) => record.name === name))
        throw new UsageError(`${file} has a key named ${name} already`);
      const { key, record } = told(() => makeKey(name));
      write(file, [...records, record]);
      process.stdout.write(`${key}\n`);
    });
  keys
    .command("list")
    .description("print the names of the keys, one a line")
    .requiredOption("-f, --file <path>", "key file")
    .action(({ file }: { file: string }) => {
      process.stdout.write(
        read(file)
          .map(({ name }) => `${name}\n`)
          .join(""),
      );
    });
  keys
    .command("remove")
    .description("take a key back: streams that were opened with it are closed")
    .argument("<name>", "whose it is")
    .requiredOption("-f, --file <path>", "key file")
    .action((name: string, { file }: { file: string }) => {
      const records = read(file);
      const left = records.filter((record) => record.name !== name);
      if (left.length === records.length) throw new UsageError(`${file} has no key named ${name}`);
      write(file, left);
    });
}

function read(file: string): KeyRecord[] {
  if (!existsSync(file)) throw new UsageError(`there is no key file ${file}`);
  return told(() => parseKeyFile(readFileSync(file, "utf8")), `${file}: `);
}

/** In one move, so that a server never reads half a file. Hashes of strong keys tell nothing, but are nobody's business. */
function write(file: string, records: readonly KeyRecord[]): void {
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, writeKeyFile(records), { mode: 0o600 });
  renameSync(temporary, file);
}

function told<T>(act: () => T, prefix = ""): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof KeyFileError) throw new UsageError(prefix + error.message);
    throw error;
  }
}
