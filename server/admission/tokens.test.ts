import { describe, expect, it } from "vitest";
import { Admission } from "./admission.ts";
import { ApiKeys, makeKey } from "./api-keys.ts";
import { NO_LIMITS } from "./budget.ts";
import type { Shown } from "./caller.ts";
import { Tokens } from "./tokens.ts";

const SECRET = Buffer.alloc(32, 7);
const SHOWN: Shown = { query: "", authorization: "", origin: "", forwardedFor: "", peer: "203.0.113.9" };

function setUp() {
  const clock = { ms: 1_000_000 };
  const tokens = new Tokens(SECRET, () => clock.ms);
  const keys = new ApiKeys([makeKey("studio").record]);
  const limits = { keyLimits: NO_LIMITS, addressLimits: NO_LIMITS };
  const options = { verifiers: [tokens, keys], keyInQuery: false, allowedOrigins: [], trustedProxies: 0, ...limits };
  return { clock, tokens, keys, admission: new Admission(options) };
}

describe("Tokens", () => {
  it("stand for their key and scope until they expire", () => {
    const { clock, tokens } = setUp();
    const token = tokens.issue({ key: "studio" }, 60, { source: "en", target: ["de"] });
    expect(tokens.verify(token)).toEqual({ key: "studio", token: { source: "en", target: ["de"] } });
    clock.ms += 59_999;
    expect(tokens.verify(token)).toBeDefined();
    clock.ms += 1;
    expect(tokens.verify(token)).toBeUndefined();
  });

  it("are good for nothing once a character is changed, nor under another secret", () => {
    const { tokens } = setUp();
    const token = tokens.issue({ key: "studio" }, 60);
    // The last character of each part has bits that stand for nothing.
    for (let at = 0; at < token.length - 1; at++) {
      const other = token[at] === "A" ? "B" : "A";
      if (token[at + 1] === ".") continue;
      expect(tokens.verify(token.slice(0, at) + other + token.slice(at + 1))).toBeUndefined();
    }
    for (const wrong of ["", "souffleur_token_", "souffleur_token_.", `${token}.x`, token.slice(0, -9)]) {
      expect(tokens.verify(wrong)).toBeUndefined();
    }
    expect(new Tokens(Buffer.alloc(32, 8), () => 1_000_000).verify(token)).toBeUndefined();
    expect(() => new Tokens(Buffer.alloc(31), () => 0)).toThrow(RangeError);
  });

  it("come in the query, the header or later, and fall with their key", () => {
    const { tokens, keys, admission } = setUp();
    const token = tokens.issue({ key: "studio" }, 60);
    const caller = admission.meet({ ...SHOWN, query: `source=en&token=${token}` });
    expect(caller.holder?.key).toBe("studio");
    expect(admission.meet({ ...SHOWN, authorization: `Bearer ${token}` }).holder).toEqual(caller.holder);
    expect(admission.verify(token)).toEqual(caller.holder);
    expect(admission.admits(caller)).toBe(true);
    keys.replace([]);
    expect(admission.admits(caller)).toBe(false);
  });

  it("open streams and nothing else, and only those of their scope", () => {
    const { tokens, admission } = setUp();
    const token = tokens.issue({ key: "studio" }, 60, { source: "en", target: ["de", "fr"] });
    expect(() => admission.identify({ ...SHOWN, authorization: `Bearer ${token}` })).toThrow("tokens open streams");
    const caller = admission.meet({ ...SHOWN, query: `token=${token}` });
    admission.checkScope(caller, "en", ["fr"]);
    for (const [source, ...targets] of [
      ["de", "fr"],
      ["en", "fr", "it"],
    ]) {
      expect(() => admission.checkScope(caller, source, targets)).toThrow("this token is for en to de, fr");
    }
  });
});
