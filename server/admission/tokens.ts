// Short-lived tokens for browsers: made for the holder of an API key, signed, and good for opening streams.
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { CredentialVerifier, Holder, TokenScope } from "./caller.ts";

/** Says what it is wherever it turns up, so that a search for leaked secrets finds it. */
const TOKEN_PREFIX = "souffleur_token_";
const SECRET_MIN_BYTES = 32;

const payloadSchema = z.strictObject({
  key: z.string(),
  /** Milliseconds since 1970. */
  expires: z.number(),
  source: z.string().optional(),
  target: z.array(z.string()).optional(),
  room: z.string().optional(),
});

export class Tokens implements CredentialVerifier {
  readonly #secret: Buffer;
  readonly #clock: () => number;

  /**
   * @param secret at least 32 bytes; servers with the same one know each other's tokens
   * @param clock milliseconds since 1970
   * @throws RangeError for a shorter secret
   */
  constructor(secret: Buffer, clock: () => number) {
    if (secret.length < SECRET_MIN_BYTES) throw new RangeError(`must have at least ${SECRET_MIN_BYTES} bytes`);
    this.#secret = secret;
    this.#clock = clock;
  }

  /** A token that stands for the holder's key, and for no more than the scope says. */
  issue(holder: Holder, seconds: number, { source, target, room }: TokenScope = {}): string {
    const expires = Math.round(this.#clock() + seconds * 1000);
    const payload = Buffer.from(JSON.stringify({ key: holder.key, expires, source, target, room })).toString(
      "base64url",
    );
    return `${TOKEN_PREFIX}${payload}.${this.#sign(payload).toString("base64url")}`;
  }

  /** Undefined for what is no token of this secret, and once it has expired. */
  verify(credential: string): Holder | undefined {
    if (!credential.startsWith(TOKEN_PREFIX)) return undefined;
    const [payload, signature, ...rest] = credential.slice(TOKEN_PREFIX.length).split(".");
    if (signature === undefined || rest.length > 0) return undefined;
    const [given, own] = [Buffer.from(signature, "base64url"), this.#sign(payload)];
    if (given.length !== own.length || !timingSafeEqual(given, own)) return undefined;
    // Only what was signed here is read.
    const parsed = payloadSchema.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString()));
    if (!parsed.success || this.#clock() >= parsed.data.expires) return undefined;
    const { key, source, target, room } = parsed.data;
    return { key, token: { source, target, room } };
  }

  /** What a token has opened stays open as long as the key behind it stands, of which the keys know. */
  stands(): boolean {
    return false;
  }

  #sign(payload: string): Buffer {
    return createHmac("sha256", this.#secret).update(payload).digest();
  }
}
