import { createHash, createHmac } from 'node:crypto';

/** Maximum length of a key that is stored unchanged. */
const MAX_LENGTH = 256;

const LONG = 'sha256:';
const KEYED = 'hmac:';

/** The fixed secret of `hashKeys: true`, the same in all processes of all applications. */
const COMMON_SECRET = 'nestjs-floodgate';

/** Returns the stored form of a partition key. */
export type StoredKey = (key: string) => string;

/**
 * The stored form of an application's partition keys: bounded, and as keyed hashes if configured.
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
 * The stored form of a partition key: the key itself, or its hash if it is long. Clients choose keys, and must not be
 * able to fill a store. A key that looks like a hash is hashed too, because it could name another key. So is a key with
 * half of a surrogate pair, because a store with UTF-8 could not separate such keys.
 *
 * @throws TypeError if the key is not a string, or empty: probably a value was missing, and all such callers would
 * share one counter
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
