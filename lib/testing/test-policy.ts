import type { Policy } from '../contracts/policy.js';

/** A policy as backends see it, for tests: what is not given follows from the rest, and the id from all of it. */
export function testPolicy(given: Partial<Policy> & Pick<Policy, 'algorithm' | 'limit' | 'windowMs'>): Policy {
  return {
    id: `${given.name ?? 'test'}#${given.algorithm}`,
    name: 'test',
    burst: given.limit,
    blockForMs: 0,
    mode: 'enforce',
    ...given,
  };
}
