// What a bundle's files must be, wherever they came from: a folder, or a server that hands them to a browser.
import { BundleError } from "./bundle-error.ts";
import type { BundleFile, BundleManifest } from "./manifest.ts";
import { Tokenizer } from "./tokenizer.ts";

/** What a session needs of a bundle to read and write text. */
export interface BundleText {
  readonly manifest: BundleManifest;
  readonly tokenizer: Tokenizer;
}

/**
 * @param name of the file in messages
 * @throws BundleError `size`
 */
export function checkSize(name: string, expected: Pick<BundleFile, "bytes">, bytes: number): void {
  if (bytes !== expected.bytes) {
    throw new BundleError("size", `${name} has ${bytes} bytes; bundle.json says ${expected.bytes}`);
  }
}

/**
 * @param sha256 64 lower-case hexadecimal digits
 * @throws BundleError `hash`
 */
export function checkHash(name: string, expected: Pick<BundleFile, "sha256">, sha256: string): void {
  if (sha256 !== expected.sha256) {
    throw new BundleError("hash", `${name} has sha256 ${sha256}; bundle.json says ${expected.sha256}`);
  }
}

/**
 * The tokenizer of a parsed tokenizer.json.
 * @throws BundleError `tokenizer`, with the file's name in the place of "tokenizer.json"
 */
export function tokenizerOf(name: string, value: unknown): Tokenizer {
  try {
    return Tokenizer.fromJson(value);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    throw new BundleError(error.code, error.message.replace(/^tokenizer\.json/, name));
  }
}

/** @throws BundleError `tokenizer` where the vocabulary is not of the manifest's size */
export function checkVocabulary(name: string, { manifest, tokenizer }: BundleText): void {
  if (tokenizer.vocabularySize !== manifest.architecture.vocabulary) {
    throw new BundleError(
      "tokenizer",
      `${name} has ${tokenizer.vocabularySize} ids; ` +
        `bundle.json says architecture.vocabulary is ${manifest.architecture.vocabulary}`,
    );
  }
}
