// Why a bundle, or one of its files, is refused.

/**
 * `missing`: a file is not there. `json`: not JSON. `version`: a format version this build does not read. `schema`: a field
 * of bundle.json does not fit. `size`, `hash`: a file's content is not what bundle.json says. `signature`: the step graph's
 * inputs or outputs are not those of this build, or not those of bundle.json. `tokenizer`: tokenizer.json does not fit.
 * `kind`: the bundle is of the other kind than the one asked for.
 */
export type BundleErrorCode =
  | "missing"
  | "json"
  | "version"
  | "schema"
  | "size"
  | "hash"
  | "signature"
  | "tokenizer"
  | "kind";

/** A bundle that cannot be used. The message names the file and field, what was expected and what was found. */
export class BundleError extends Error {
  readonly code: BundleErrorCode;

  constructor(code: BundleErrorCode, message: string) {
    super(message);
    this.name = "BundleError";
    this.code = code;
  }
}
