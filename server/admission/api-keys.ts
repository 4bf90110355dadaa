// API keys: how one is made, how the file says which are good, and whose a key is. Only their hashes are kept.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { CredentialVerifier, Holder } from "./caller.ts";

/** Says what it is wherever it turns up, so that a search for leaked secrets finds it. */
const KEY_PREFIX = "souffleur_";
/** 256 random bits: a plain hash is enough, since there is nothing to guess. */
const KEY_BYTES = 32;

const name = z
  .string("must be a name")
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "must be 1 to 64 letters, digits, dots, dashes or underscores");

const keyRecordSchema = z.strictObject({
  name,
  sha256: z.string("must be a hash").regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in 64 lower-case hexadecimal digits"),
});

const keyFileSchema = z
  .strictObject({ keys: z.array(keyRecordSchema) })
  .refine(({ keys }) => new Set(keys.map((key) => key.name)).size === keys.length, "two keys have the same name");

export type KeyRecord = z.infer<typeof keyRecordSchema>;

/** A key file that cannot be used; the message names the field and holds no key. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

/** Throws KeyFileError naming the field. */
export function parseKeyFile(text: string): KeyRecord[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the file.
    throw new KeyFileError("is not JSON");
  }
  const parsed = keyFileSchema.safeParse(value);
  if (parsed.success) return parsed.data.keys;
  const [issue] = parsed.error.issues;
  throw new KeyFileError([issue.path.join("."), issue.message].filter((part) => part !== "").join(" "));
}

export function writeKeyFile(keys: readonly KeyRecord[]): string {
  return `${JSON.stringify({ keys }, undefined, 2)}\n`;
}

/** A new key, and what the file keeps of it. Throws KeyFileError for a name that is none. */
export function makeKey(keyName: string): { key: string; record: KeyRecord } {
  const parsed = name.safeParse(keyName);
  if (!parsed.success) throw new KeyFileError(`the name ${parsed.error.issues[0].message}`);
  const key = KEY_PREFIX + randomBytes(KEY_BYTES).toString("base64url");
  return { key, record: { name: keyName, sha256: sha256(key).toString("hex") } };
}

/** The keys that are good now. */
export class ApiKeys implements CredentialVerifier {
  #keys: readonly { name: string; hash: Buffer }[] = [];
  #names: ReadonlySet<string> = new Set();

  constructor(records: readonly KeyRecord[]) {
    this.replace(records);
  }

  get size(): number {
    return this.#keys.length;
  }

  replace(records: readonly KeyRecord[]): void {
    this.#keys = records.map((record) => ({ name: record.name, hash: Buffer.from(record.sha256, "hex") }));
    this.#names = new Set(records.map((record) => record.name));
  }

  /** Takes the same time whichever key it is, and for none. */
  verify(credential: string): Holder | undefined {
    const hash = sha256(credential);
    let holder: Holder | undefined;
    for (const key of this.#keys) if (timingSafeEqual(key.hash, hash)) holder = { key: key.name };
    return holder;
  }

  stands(holder: Holder): boolean {
    return this.#names.has(holder.key);
  }
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
