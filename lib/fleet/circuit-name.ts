import { createHash } from 'node:crypto';

/** How much of the hash stands for a key: enough that no two keys of an application meet. */
const HASH_DIGITS = 32;

/**
 * The name of a breaker as other processes and files see it: what stands in brackets is a key, such as that of a tenant,
 * and is hashed.
 */
export function circuitName(breaker: string): string {
  const bracket = breaker.indexOf('[');
  if (bracket < 0) return breaker;
  const hash = createHash('sha256').update(breaker).digest('hex').slice(0, HASH_DIGITS);
  return `${breaker.slice(0, bracket)}[${hash}]`;
}
