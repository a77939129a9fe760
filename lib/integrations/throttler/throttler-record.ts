import type { ThrottlerStorage } from '@nestjs/throttler';
import type { Decision } from '../../contracts/decision.js';
import type { ThrottlerQuota } from './throttler-quota.js';

/** What a storage tells a throttler of one hit; times in whole seconds. */
export type ThrottlerRecord = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/** The record for throttler from a decision. */
export function recordOf(decision: Decision, { limit, ttl, blockDuration }: ThrottlerQuota): ThrottlerRecord {
  const [hits, window = hits] = decision.policies;
  if (decision.kind === 'unenforced' || hits === undefined) {
    // Nothing is known but this hit.
    return { totalHits: 1, timeToExpire: seconds(ttl), isBlocked: false, timeToBlockExpire: 0 };
  }
  const timeToExpire = seconds(window?.resetAfterMs || ttl);
  if (decision.kind === 'allowed') {
    return { totalHits: hits.limit - hits.remaining, timeToExpire, isBlocked: false, timeToBlockExpire: 0 };
  }
  const waitMs = decision.retryAfterMs ?? Math.max(ttl, blockDuration);
  return { totalHits: Math.floor(limit) + 1, timeToExpire, isBlocked: true, timeToBlockExpire: seconds(waitMs) };
}

/** Rounded up, so that nobody comes back too early; at least 1. */
const seconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1000));
