import { addressKey, userKey, valueKeyOf } from '../../guard/keys/key-of.js';
import { canonicalAddress } from '../../guard/keys/ip-address.js';
import type { LoggedCall } from './access-log.js';
import { wrongUse } from './failures.js';

/** Length of the network prefix by which IPv6 addresses are grouped, as the guard does it by default. */
const IPV6_PREFIX_BITS = 64;

/** The partition key of a logged call; `undefined`: the line lacks what it needs. */
export type LogKey = (call: LoggedCall, address: string | undefined) => string | undefined;

/** The canonical form of the client's address; a host's name is none. */
export const addressOf = ({ address }: LoggedCall): string | undefined =>
  address === undefined ? undefined : canonicalAddress(address, IPV6_PREFIX_BITS);

/**
 * Builds the keys that the guard would build. A call without a user or header uses its IP address.
 *
 * @throws CommandFailure for a key that no log tells
 */
export function logKey(input: string): LogKey {
  const ip: LogKey = (_, address) => (address === undefined ? undefined : addressKey(address));
  if (input === 'ip') return ip;
  if (input === 'global') return () => 'global';
  if (input === 'user' || input === 'user-or-ip') {
    return (call, address) => (call.user === undefined ? ip(call, address) : userKey(call.user));
  }
  const [, name] = /^header:(.+)$/.exec(input) ?? [];
  if (name === undefined) {
    throw wrongUse(`--key ${input}: a log tells ip, user, user-or-ip, global and header:<name>.`);
  }
  const header = name.toLowerCase();
  return (call, address) => {
    const value = call.header(header);
    return value === undefined ? ip(call, address) : valueKeyOf(`header:${header}`, value);
  };
}
