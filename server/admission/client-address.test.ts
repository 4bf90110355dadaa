import { describe, expect, it } from "vitest";
import { clientAddress } from "./client-address.ts";

describe("clientAddress", () => {
  it("is the socket's other end where no proxy is trusted, whatever the header says", () => {
    expect(clientAddress("203.0.113.9", "198.51.100.1", 0)).toBe("203.0.113.9");
  });

  it("is what the outermost trusted proxy saw; what a client puts before it counts for nothing", () => {
    expect(clientAddress("10.0.0.1", "6.6.6.6, 198.51.100.1", 1)).toBe("198.51.100.1");
    expect(clientAddress("10.0.0.1", "6.6.6.6, 198.51.100.1, 10.0.0.2", 2)).toBe("198.51.100.1");
    expect(clientAddress("10.0.0.1", "198.51.100.1", 2)).toBe("10.0.0.1");
    expect(clientAddress("10.0.0.1", "", 1)).toBe("10.0.0.1");
  });

  it.each([
    ["198.51.100.1:4711", "198.51.100.1"],
    ["::ffff:198.51.100.1", "198.51.100.1"],
    ["0000:0000:0000:0000:0000:ffff:c633:6401", "198.51.100.1"],
    ["2001:DB8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["[2001:db8::1]:443", "2001:db8:0:0::/64"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
  ])("writes %s as %s", (given, written) => {
    expect(clientAddress("10.0.0.1", given, 1)).toBe(written);
  });
});
