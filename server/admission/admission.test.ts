import { describe, expect, it } from "vitest";
import { Admission, type AdmissionOptions, onlySettings } from "./admission.ts";
import { ApiKeys, makeKey } from "./api-keys.ts";
import { NO_LIMITS } from "./budget.ts";
import type { Shown } from "./caller.ts";

const { key, record } = makeKey("studio");
const keys = new ApiKeys([record]);

function admission(options: Partial<AdmissionOptions> = {}): Admission {
  const open = { verifiers: [], keyInQuery: false, allowedOrigins: [], trustedProxies: 0 };
  return new Admission({ ...open, keyLimits: NO_LIMITS, addressLimits: NO_LIMITS, ...options });
}

function shown(parts: Partial<Shown> = {}): Shown {
  return { query: "", authorization: "", origin: "", forwardedFor: "", peer: "203.0.113.9", ...parts };
}

describe("Admission", () => {
  it("takes anyone where there are no keys, and looks at no credential", () => {
    const open = admission();
    expect(open.identify(shown({ authorization: "Basic x", query: "key=x" }))).toEqual({
      address: "203.0.113.9",
      holder: undefined,
    });
  });

  it.each(["Bearer", "bearer", "BEARER "])("knows a key in the header, after %j", (scheme) => {
    const caller = admission({ verifiers: [keys] }).identify(shown({ authorization: `${scheme} ${key}` }));
    expect(caller.holder).toEqual({ key: "studio" });
  });

  it("refuses a wrong key, another scheme and no key, and says how to show one", () => {
    const closed = admission({ verifiers: [keys] });
    const wrong = [shown({ authorization: "Bearer nobody" }), shown({ authorization: `Basic ${key}` }), shown()];
    for (const request of wrong) {
      expect(() => closed.identify(request)).toThrow(expect.objectContaining({ code: "unauthorized" }));
    }
    expect(() => closed.identify(shown())).toThrow("authorization: Bearer KEY");
    expect(closed.admits(closed.meet(shown()))).toBe(false);
  });

  it("reads keys in the query only where that is allowed", () => {
    const query = `source=en&key=${key}`;
    expect(() => admission({ verifiers: [keys] }).meet(shown({ query }))).toThrow("query string");
    const caller = admission({ verifiers: [keys], keyInQuery: true }).identify(shown({ query }));
    expect(caller.holder).toEqual({ key: "studio" });
    expect(onlySettings(query)).toBe("source=en");
    expect(onlySettings("affinity=a1&source=en")).toBe("source=en");
    expect(onlySettings("source=en&target=de")).toBe("source=en&target=de");
  });

  it("asks each verifier in turn, and again whether the holder still stands", () => {
    const tokens = {
      verify: (credential: string) => (credential === "token" ? { key: "studio" } : undefined),
      stands: () => false,
    };
    const some = new ApiKeys([record]);
    const both = admission({ verifiers: [tokens, some] });
    const caller = both.identify(shown({ authorization: "Bearer token" }));
    expect(both.admits(caller)).toBe(true);
    some.replace([]);
    expect(both.admits(caller)).toBe(false);
  });

  it("refuses pages of origins that are not on its list, and no one else", () => {
    const listed = admission({ allowedOrigins: ["https://talks.example"] });
    listed.meet(shown({ origin: "https://talks.example" }));
    listed.meet(shown());
    for (const origin of ["https://evil.example", "null", "https://talks.example.evil.example"]) {
      expect(() => listed.meet(shown({ origin }))).toThrow(expect.objectContaining({ code: "forbidden_origin" }));
    }
  });

  it("charges a request's texts to its key and its address, to both or to none", () => {
    const limited = admission({
      verifiers: [keys],
      keyLimits: { ...NO_LIMITS, wordsPerMinute: 3 },
      addressLimits: { ...NO_LIMITS, wordsPerMinute: 6 },
    });
    const caller = limited.identify(shown({ authorization: `Bearer ${key}` }));
    limited.charge(caller, ["one two", "three"], 0);
    const refusal = expect.objectContaining({ code: "rate_limited", retryAfter: 60 });
    expect(() => limited.charge(caller, ["one two three"], 0)).toThrow(refusal);
    // The address has its words back: another key may use them.
    limited.charge({ ...caller, holder: { key: "other" } }, ["one two three"], 0);
    expect(() => limited.charge({ ...caller, holder: { key: "third" } }, ["one"], 0)).toThrow("this address");
  });

  it("takes the address from trusted proxies", () => {
    const caller = admission({ trustedProxies: 1 }).meet(shown({ forwardedFor: "198.51.100.7" }));
    expect(caller.address).toBe("198.51.100.7");
  });
});
