import { canonicalAddress } from './ip-address.js';
import { type Identity, identityText } from './user-key.js';

/** Values of a key. If there are several, as for a header or a query parameter, all count. */
type Value = string | number | bigint | readonly string[];

/** The IPv6 prefix length of the application that started last. */
let ipv6PrefixBits = 64;

/** Makes `keyOf.ip` group as the guard of an application does. @internal */
export function groupAddressesBy(prefixBits: number): void {
  ipv6PrefixBits = prefixBits;
}

/**
 * Builds the same keys as the guard, for `BackendService`.
 *
 * @example
 * await backend.reset(keyOf.user(42), routeLimits(CatsController, 'find'));
 */
export const keyOf = {
  /**
   * The key of `'ip'` and `'ip-from:x'`.
   *
   * @param prefixBits length of the network prefix by which IPv6 addresses are grouped, 1 to 128. Default: the module's
   * `ipv6PrefixBits`; with several applications in one process, that of the one that started last
   * @throws TypeError if it is not an IP address
   */
  ip(address: string, prefixBits = ipv6PrefixBits): string {
    const canonical = canonicalAddress(address, prefixBits);
    if (canonical === undefined) throw new TypeError('keyOf.ip() was given no IP address.');
    return addressKey(canonical);
  },

  /**
   * The key of `'user'`.
   *
   * @param id the id of the user, such as `request.user.id`
   * @throws TypeError if it is not a valid id
   */
  user(id: Identity): string {
    const text = identityText(id);
    if (text === undefined) throw new TypeError('keyOf.user() was given no id: give a text, a number or an ObjectId.');
    return userKey(text);
  },

  /** The key of `'header:<name>'`. @throws TypeError if the value is empty */
  header: (name: string, value: Value): string => valueOf('header', name.toLowerCase(), value),

  /** The key of `'query:<name>'`. @throws TypeError if the value is empty */
  query: (name: string, value: Value): string => valueOf('query', name, value),

  /** The key of `'param:<name>'`. @throws TypeError if the value is empty */
  param: (name: string, value: Value): string => valueOf('param', name, value),

  /** The key of `'body:<name>'`. @throws TypeError if the value is empty */
  body: (name: string, value: string | number): string => valueOf('body', name, value),

  /** The key of an array of keys, in the same order. A part of `'global'` is the text `global`. */
  composed: (...keys: string[]): string => composedKey(keys),
} as const;

/** Of an address in its canonical form. @internal */
export const addressKey = (canonical: string): string => `ip:${canonical}`;

/** @internal */
export const userKey = (id: string): string => `user:${id}`;

/** Of a value of a request. @internal */
export const valueKeyOf = (label: string, value: string): string => `${label}:${value}`;

/** Of several keys: a part that holds the separator must not read as two. @internal */
export const composedKey = (parts: readonly string[]): string =>
  parts.map((part) => part.replaceAll('%', '%25').replaceAll('|', '%7C')).join('|');

function valueOf(source: string, name: string, value: Value): string {
  const text = [value].flat().map(String).join(',');
  if (text === '')
    throw new TypeError(
      `keyOf.${source}() got an empty value. For such a call the guard uses the IP address: use keyOf.ip().`,
    );
  return valueKeyOf(`${source}:${name}`, text);
}
