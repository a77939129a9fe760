import { BlockList, isIP, isIPv4 } from 'node:net';
import { RateLimitConfigurationError } from '../contracts/errors.js';

/**
 * Matches partition keys.
 *
 * - `exact`: one key, such as `user:42`.
 * - `prefix`: all keys that begin with a text: `user:bot-*`.
 * - `network`: all addresses of a network: `ip:10.0.0.0/8`, `ip:2001:db8::/32`; one address is a network of its own.
 */
export type KeyPattern =
  | { readonly kind: 'exact'; readonly text: string }
  | { readonly kind: 'prefix'; readonly text: string; readonly prefix: string }
  | ({ readonly kind: 'network'; readonly text: string; readonly addresses: BlockList } & Network);

/** An address or a network out of a key such as `ip:192.0.2.1` or `ip:2001:db8:1:2::/64`. */
export interface Network {
  readonly address: string;
  readonly family: 'ipv4' | 'ipv6';
  readonly bits: number;
}

/**
 * Reads a pattern.
 *
 * @param option path of the option, for the error
 * @throws RateLimitConfigurationError for a text that is empty, a `*` that is not at the end, or a wrong network
 */
export function parseKeyPattern(option: string, text: string): KeyPattern {
  const refuse = (mend: string): never => {
    throw new RateLimitConfigurationError(option, text, mend);
  };
  if (typeof text !== 'string' || text === '') {
    return refuse("Give a key ('user:42'), a prefix ('user:bot-*') or a network ('ip:10.0.0.0/8').");
  }
  const star = text.indexOf('*');
  if (star >= 0 && star < text.length - 1) return refuse("A '*' stands for the rest of a key: put it at the end.");
  if (star >= 0) return { kind: 'prefix', text, prefix: text.slice(0, -1) };
  const network = networkOf(text);
  if (network === undefined) {
    if (/^ip:[^|]*\/\d+$/.test(text)) return refuse("Give a network such as 'ip:10.0.0.0/8' or 'ip:2001:db8::/32'.");
    return { kind: 'exact', text };
  }
  const addresses = new BlockList();
  addresses.addSubnet(network.address, network.bits, network.family);
  return { kind: 'network', text, addresses, ...network };
}

/** Whether a key matches; `network` is the result of `networkOf` for it. */
export function matches(pattern: KeyPattern, key: string, network: Network | undefined): boolean {
  switch (pattern.kind) {
    case 'exact':
      return key === pattern.text;
    case 'prefix':
      return key.startsWith(pattern.prefix);
    case 'network':
      return key === pattern.text || (network !== undefined && contains(pattern, network));
    default:
      return pattern satisfies never;
  }
}

/** The address or network in a key that begins with `ip:`; `undefined` if there is none. */
export function networkOf(key: string): Network | undefined {
  const [, address = '', length] = /^ip:([^/|]+)(?:\/(\d{1,3}))?$/.exec(key) ?? [];
  if (isIP(address) === 0) return undefined;
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  const most = family === 'ipv4' ? 32 : 128;
  const bits = length === undefined ? most : Number(length);
  return bits <= most ? { address, family, bits } : undefined;
}

/** The precision of a pattern: an exact key wins over any other, then a longer prefix over a shorter one. */
export function specificity(pattern: KeyPattern): number {
  switch (pattern.kind) {
    case 'exact':
      return Number.POSITIVE_INFINITY;
    case 'prefix':
      return pattern.prefix.length;
    case 'network':
      return pattern.bits;
    default:
      return pattern satisfies never;
  }
}

/** Whether all addresses of a network are in the network of a pattern. */
const contains = (pattern: KeyPattern & { readonly kind: 'network' }, { address, family, bits }: Network): boolean =>
  family === pattern.family && bits >= pattern.bits && pattern.addresses.check(address, family);
