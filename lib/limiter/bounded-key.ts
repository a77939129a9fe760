import { createHash } from 'node:crypto';

/** Longest key that is stored as it is. */
const MAX_LENGTH = 256;

const HASHED = 'sha256:';

/**
 * The key under which a partition key is stored: itself, or its hash where it is long. Keys come from strangers, and
 * must not be able to fill a store; one that is made to look like a hash is hashed too, or it could name another's; and
 * so is one with halves of a character, which a store that keeps UTF-8 could not tell apart.
 *
 * @throws TypeError if the key is no string, or empty: most likely a value was missing, and all such callers would
 * share one count
 */
export function boundedKey(key: string): string {
  if (typeof key !== 'string' || key === '') {
    throw new TypeError(
      `A rate-limit key must be a string that is not empty; received ${key === '' ? "''" : typeof key}.`,
    );
  }
  if (key.length <= MAX_LENGTH && key.isWellFormed() && !key.startsWith(HASHED)) return key;
  return HASHED + createHash('sha256').update(key, 'utf16le').digest('base64url');
}
