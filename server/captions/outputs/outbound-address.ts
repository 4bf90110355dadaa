// Which addresses the server may connect to: a name is resolved first, and what is connected to is what was checked.
import { lookup as resolve } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";

/** A sink whose address is of a network that it may not reach. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused";
}

/** Loopback, private, link-local, shared, benchmark, documentation, multicast and reserved networks (IANA's registries). */
const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 96],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["100::", 64],
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const) {
  NOT_PUBLIC.addSubnet(network, prefix, "ipv6");
}

/** Whether an IP address is anything but an address of the public internet. An IPv4 address in IPv6 counts as itself. */
export function isNotPublic(address: string): boolean {
  const plain = address.replace(/^\[|\]$/g, "").replace(/%.*$/, "");
  const family = isIP(plain);
  if (family === 0) throw new TypeError("this is no IP address");
  return NOT_PUBLIC.check(plain, family === 4 ? "ipv4" : "ipv6");
}

/** Throws AddressRefused where a URL's host is an IP address that may not be reached; a name is checked when it is resolved. */
export function checkHost(url: URL, allowPrivate: boolean): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (!allowPrivate && isIP(host) !== 0 && isNotPublic(host)) throw refusal();
}

/**
 * A lookup for sockets that fails where a name leads to an address that is not public. The socket connects to what
 * this gives, so a name that resolves to something else a moment later is of no use.
 *
 * @param resolver Node's own by default
 */
export function checkedLookup(allowPrivate: boolean, resolver: typeof resolve = resolve): LookupFunction {
  return (hostname, options, callback) => {
    resolver(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) callback(error, []);
      else if (!allowPrivate && addresses.some(({ address }) => isNotPublic(address))) callback(refusal(), []);
      else if (options.all === true) callback(null, addresses);
      else callback(null, addresses[0].address, addresses[0].family);
    });
  };
}

function refusal(): AddressRefused {
  return new AddressRefused("the sink's address is private: set allowPrivate for this sink if that is meant");
}
