import type { lookup } from "node:dns";
import { describe, expect, it } from "vitest";
import { AddressRefused, checkedLookup, checkHost, isNotPublic } from "./outbound-address.ts";

describe("isNotPublic", () => {
  it.each([
    ...["127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"],
    ...["100.64.0.1", "0.0.0.0", "198.18.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1"],
    ...[
      "::1",
      "::",
      "fe80::1",
      "fe80::1%eth0",
      "fd00::1",
      "ff02::1",
      "::ffff:127.0.0.1",
      "::ffff:10.0.0.1",
      "::127.0.0.1",
    ],
    ...["64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"],
  ])("is %s", (address) => {
    expect(isNotPublic(address)).toBe(true);
  });

  it.each(["8.8.8.8", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2a00:1450:4001::1", "::ffff:8.8.8.8"])(
    "is not %s",
    (address) => {
      expect(isNotPublic(address)).toBe(false);
    },
  );
});

describe("checkHost", () => {
  it("refuses private addresses as they stand in a URL, however they are written", () => {
    for (const url of [
      "http://127.0.0.1/",
      "http://2130706433/",
      "http://0x7f.1/",
      "ws://[::1]:4455",
      "http://[::ffff:7f00:1]/",
    ]) {
      expect(() => checkHost(new URL(url), false), url).toThrow(AddressRefused);
      expect(() => checkHost(new URL(url), true), url).not.toThrow();
    }
    expect(() => checkHost(new URL("https://example.org/"), false)).not.toThrow();
  });
});

describe("checkedLookup", () => {
  /** A resolver that knows two names. */
  const resolver = ((_hostname: string, _options: unknown, callback: (...words: unknown[]) => void) => {
    const mixed = [
      { address: "8.8.8.8", family: 4 },
      { address: "10.0.0.1", family: 4 },
    ];
    callback(null, _hostname === "mixed" ? mixed : [{ address: "8.8.8.8", family: 4 }]);
  }) as unknown as typeof lookup;

  const look = (hostname: string, allowPrivate: boolean, all: boolean) =>
    new Promise<unknown[]>((resolve) => {
      checkedLookup(allowPrivate, resolver)(hostname, { all }, (...words) => resolve(words));
    });

  it("gives what it has checked", async () => {
    expect(await look("public", false, false)).toEqual([null, "8.8.8.8", 4]);
    expect(await look("public", false, true)).toEqual([null, [{ address: "8.8.8.8", family: 4 }]]);
  });

  it("refuses a name of which one address is private, unless that is allowed", async () => {
    expect((await look("mixed", false, true))[0]).toBeInstanceOf(AddressRefused);
    expect((await look("mixed", true, false))[1]).toBe("8.8.8.8");
  });
});
