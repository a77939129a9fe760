import type { Policy } from '../contracts/policy.js';

/**
 * A policy in the form that backends receive, for tests. Missing values are derived from the others, and the id from
 * all values.
 */
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
