// Where a request came from: the socket's other end, or what trusted proxies say of theirs.

/**
 * Each proxy appends to `X-Forwarded-For` the address that spoke to it, so the last entries are the proxies' own words and
 * those before them anybody's. With one trusted proxy the last entry is the client, with two the one before it.
 *
 * @param trustedProxies how many proxies stand in front of the server; 0: the header is not read
 * @returns an address as text; IPv4 in IPv6 is written as IPv4, and an IPv6 client as its /64, which is one subscriber's
 */
export function clientAddress(peer: string, forwardedFor: string, trustedProxies: number): string {
  if (trustedProxies === 0) return normalized(peer);
  const entries = forwardedFor.split(",").map((entry) => entry.trim());
  // Fewer entries than proxies: the request did not come through all of them, and only the socket is sure.
  const entry = entries.at(-trustedProxies) ?? "";
  return normalized(withoutPort(entry) || peer);
}

/** Whether only this machine can reach the address. */
export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || address.startsWith("127.");
}

function withoutPort(entry: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(entry);
  if (bracketed) return bracketed[1];
  return /^[\d.]+:\d+$/.test(entry) ? entry.slice(0, entry.indexOf(":")) : entry;
}

function normalized(address: string): string {
  const lower = address.toLowerCase().split("%")[0];
  const mapped = /^(?:::ffff:|(?:0{1,4}:){5}ffff:)(.+)$/.exec(lower)?.[1];
  if (mapped?.includes(".")) return mapped;
  const mappedHex = mapped === undefined ? null : /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(mapped);
  if (mappedHex) return dotted(mappedHex[1], mappedHex[2]);
  return lower.includes(":") ? subnet(lower) : lower;
}

function dotted(high: string, low: string): string {
  const bits = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}

/** The first 64 bits of an IPv6 address. */
function subnet(address: string): string {
  const [head, tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array.from({ length: zeros }, () => "0"), ...after].slice(0, 4);
  return `${groups.map((group) => group.replace(/^0+(?=.)/, "")).join(":")}::/64`;
}
