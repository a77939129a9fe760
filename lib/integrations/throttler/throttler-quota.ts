import { createHash } from 'node:crypto';
import type { PolicyOptions } from '../../contracts/policy.js';

/** What a throttler asks of its storage for one hit. */
export interface ThrottlerQuota {
  readonly throttlerName: string;
  /** How long a hit counts, ms. */
  readonly ttl: number;
  readonly limit: number;
  /** How long a key is blocked after a refusal, ms; 0: no block. */
  readonly blockDuration: number;
}

/** A quota as policies: what counts the hits, and what tells when the window of the first one ends. */
export interface QuotaPolicies {
  readonly hits: PolicyOptions;
  /** None where the hits are counted by fixed windows, which tell that themselves. */
  readonly window: PolicyOptions | undefined;
}

/** Up to here each hit expires by itself, as in throttler's own storage; beyond, hits are counted by fixed windows. */
const MAX_LOG_LIMIT = 1_000;

/** Names of throttlers are free text; those of policies are not. */
const PLAIN_NAME = /^[A-Za-z0-9_.:*-]{1,40}$/;

/**
 * Throttler's rules as policies. Each hit counts for `ttl`: a sliding log. The window in `X-RateLimit-Reset` starts
 * with a hit and has the length `ttl`: a log of a single unit, which only reports.
 */
export function policiesOf({ throttlerName, ttl, limit, blockDuration }: ThrottlerQuota): QuotaPolicies {
  const name = `throttler:${PLAIN_NAME.test(throttlerName) ? throttlerName : hashed(throttlerName)}`;
  const window = Math.max(1, Math.ceil(ttl));
  const units = Math.min(Math.max(0, Math.floor(limit)), Number.MAX_SAFE_INTEGER);
  const block = blockDuration > 0 ? { blockFor: Math.ceil(blockDuration) } : {};
  if (units > MAX_LOG_LIMIT) {
    return { hits: { name, limit: units, window, algorithm: 'fixed-window', ...block }, window: undefined };
  }
  return {
    hits: { name, limit: units, window, algorithm: 'sliding-log', ...block },
    window: { name: `${name}:window`, limit: 1, window, algorithm: 'sliding-log', mode: 'shadow' },
  };
}

const hashed = (name: string): string => createHash('sha256').update(name).digest('base64url').slice(0, 12);
