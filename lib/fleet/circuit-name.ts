import { createHash } from 'node:crypto';

/** Length of a key's hash: enough that no two keys of an application collide. */
const HASH_DIGITS = 32;

/**
 * The name of a breaker for other processes and files. The part in brackets is a key, such as a tenant, and is hashed.
 */
export function circuitName(breaker: string): string {
  const bracket = breaker.indexOf('[');
  if (bracket < 0) return breaker;
  const hash = createHash('sha256').update(breaker).digest('hex').slice(0, HASH_DIGITS);
  return `${breaker.slice(0, bracket)}[${hash}]`;
}
