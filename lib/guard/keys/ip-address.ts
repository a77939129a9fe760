import { isIPv4, isIPv6 } from 'node:net';

/** Groups of 16 bits in an IPv6 address. */
const GROUPS = 8;

/**
 * The canonical form of an address as a partition key: an IPv4 address as it is, an IPv6 address as its network,
 * because a subscriber has a whole network of them (RFC 6177). An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is the
 * IPv4 address, told by its bits and not by how it is written.
 *
 * @param ipv6PrefixBits length of the network's prefix, 1 to 128
 * @returns such as `192.0.2.1` or `2001:db8:1:2::/64`; `undefined` if it is no address
 */
export function canonicalAddress(text: string, ipv6PrefixBits: number): string | undefined {
  // Nearly all are IPv4 without a port. They need no pattern.
  if (isIPv4(text)) return text;
  const address = withoutPort(text);
  if (isIPv4(address)) return address;
  if (!isIPv6(address)) return undefined;
  const groups = groupsOf(address);
  return (
    mappedIPv4(groups) ??
    `${written(groups.map((group, index) => group & mask(index, ipv6PrefixBits)))}/${ipv6PrefixBits}`
  );
}

/** Some proxies forward an address with the port that it came from: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(address: string): string {
  const [, ipv4, ipv6] = /^(?:([\d.]+):\d+|\[(.+)\](?::\d+)?)$/.exec(address) ?? [];
  return ipv4 ?? ipv6 ?? address;
}

/** The eight groups of an address that is known to be well-formed. */
function groupsOf(address: string): number[] {
  const [withoutZone = ''] = address.split('%');
  const [head = '', tail] = withoutZone.split('::');
  const before = parsed(head);
  if (tail === undefined) return before;
  const after = parsed(tail);
  return [...before, ...new Array<number>(GROUPS - before.length - after.length).fill(0), ...after];
}

function parsed(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((piece) => {
    if (!piece.includes('.')) return [Number.parseInt(piece, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = piece.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function mappedIPv4(groups: readonly number[]): string | undefined {
  const [high = 0, low = 0] = groups.slice(6);
  const mapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return mapped ? `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}` : undefined;
}

/** The bits of a group that belong to the prefix. */
function mask(index: number, prefixBits: number): number {
  const bits = Math.min(16, Math.max(0, prefixBits - index * 16));
  return 0xffff & ~(0xffff >> bits);
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups shortened. */
function written(groups: readonly number[]): string {
  let start = -1;
  let length = 1;
  for (let index = 0; index < GROUPS; index += 1) {
    let end = index;
    while (groups[end] === 0) end += 1;
    if (end - index > length) [start, length] = [index, end - index];
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  return start < 0 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}
