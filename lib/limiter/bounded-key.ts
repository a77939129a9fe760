import { createHash, createHmac } from 'node:crypto';

/** Longest key that is stored as it is. */
const MAX_LENGTH = 256;

const LONG = 'sha256:';
const KEYED = 'hmac:';

/** The secret of `hashKeys: true`: no secret, but the same in all processes of all applications. */
const COMMON_SECRET = 'nestjs-floodgate';

/** Makes the key under which a partition key is stored. */
export type StoredKey = (key: string) => string;

/**
 * How the partition keys of an application are stored: bounded, and as keyed hashes where it asks for them.
 *
 * @param hashKeys the option of the module
 */
export function storedKeys(hashKeys: boolean | { readonly secret: string }): StoredKey {
  if (hashKeys === false) return boundedKey;
  const secret = hashKeys === true ? COMMON_SECRET : hashKeys.secret;
  return (key) => {
    checkKey(key);
    return KEYED + createHmac('sha256', secret).update(key, 'utf16le').digest('base64url');
  };
}

/**
 * The key under which a partition key is stored: itself, or its hash where it is long. Keys come from strangers, and
 * must not be able to fill a store; one that is made to look like a hash is hashed too, or it could name another's; and
 * so is one with halves of a character, which a store that keeps UTF-8 could not tell apart.
 *
 * @throws TypeError if the key is no string, or empty: most likely a value was missing, and all such callers would
 * share one count
 */
export function boundedKey(key: string): string {
  checkKey(key);
  if (key.length <= MAX_LENGTH && key.isWellFormed() && !key.startsWith(LONG)) return key;
  return LONG + createHash('sha256').update(key, 'utf16le').digest('base64url');
}

function checkKey(key: string): void {
  if (typeof key === 'string' && key !== '') return;
  const found = key === '' ? "''" : typeof key;
  throw new TypeError(`A rate-limit key must be a string that is not empty; received ${found}.`);
}
