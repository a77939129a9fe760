import fc from 'fast-check';
import type { Decision, LimitedDecision, PolicyStatus } from 'nestjs-floodgate';
import { testPolicy } from '../../../../lib/testing/test-policy.js';
import { rateLimitHeaders } from '../../../../lib/transports/http/headers.js';
import { readList } from '../../../support/structured-list.js';
import { PureLimiter } from '../../algorithms/pure-limiter.js';

const policies = fc
  .record({
    algorithm: fc.constantFrom('fixed-window' as const, 'sliding-window', 'token-bucket', 'sliding-log'),
    limit: fc.integer({ min: 1, max: 30 }),
    windowMs: fc.constantFrom(700, 1_000, 60_000, 86_400_000),
    more: fc.integer({ min: 0, max: 20 }),
    blockForMs: fc.constantFrom(0, 0, 0, 90_000),
  })
  .map(({ more, ...quota }) =>
    testPolicy({ ...quota, burst: quota.limit + (quota.algorithm === 'token-bucket' ? more : 0) }),
  );

/** Steps of a key's life: how much later, as a part of the window, what a call costs, and whether it may go into debt. */
const steps = fc.array(
  fc.record({
    later: fc.constantFrom(0, 0, 0, 0.01, 0.3, 0.5, 1.1, -0.4),
    cost: fc.constantFrom(0, 1, 1, 1, 2, 5, 9),
    overdraw: fc.constantFrom(false, false, false, false, true),
  }),
  { minLength: 1, maxLength: 40 },
);

/** What the header says, in ms. */
function told(status: PolicyStatus): { t: number; retryAfter: number | undefined } {
  const one = { source: 'primary', backend: 'memory', policies: [status] } as const;
  const decision: Decision = status.allowed
    ? { ...one, kind: 'allowed', allowed: true }
    : ({ ...one, kind: 'limited', allowed: false, retryAfterMs: status.retryAfterMs } satisfies LimitedDecision);
  const headers = new Map(rateLimitHeaders(decision, 'standard'));
  const retryAfter = headers.get('Retry-After');
  return {
    t: readList(headers.get('RateLimit')!)[0]!.parameters['t'] as number,
    retryAfter: retryAfter === undefined ? undefined : Number(retryAfter),
  };
}

describe('t of any sequence of calls', () => {
  it('is the wait for the next unit when nothing is left, and lets nobody outrun the policy when something is', () => {
    let [empty, partly] = [0, 0];
    fc.assert(
      fc.property(policies, steps, (policy, calls) => {
        const limiter = new PureLimiter();
        let nowMs = Date.UTC(2026, 0, 1, 0, 0, 13);
        for (const { later, cost, overdraw } of calls) {
          nowMs += Math.floor(later * policy.windowMs);
          const status = limiter.consume(policy, cost, nowMs, overdraw);
          const { remaining, nextUnitAfterMs } = status;
          const { t, retryAfter } = told(status);
          const leftAfter = (ms: number): number => limiter.copy().peek(policy, nowMs + ms).remaining;

          if (nextUnitAfterMs === 0) {
            expect(remaining).toBe(policy.burst);
            expect(t).toBe(Math.ceil(policy.windowMs / 1_000));
            continue;
          }
          expect(leftAfter(nextUnitAfterMs! - 1)).toBeLessThanOrEqual(remaining);
          expect(leftAfter(nextUnitAfterMs!)).toBeGreaterThan(remaining);
          if (remaining === 0) {
            empty += 1;
            expect(t).toBe(Math.ceil(nextUnitAfterMs! / 1_000));
            if (retryAfter !== undefined) expect(retryAfter).toBeGreaterThanOrEqual(t);
            if (policy.blockForMs === 0) {
              expect(limiter.copy().consume(policy, 1, nowMs + nextUnitAfterMs! - 1).allowed).toBe(false);
              expect(limiter.copy().consume(policy, 1, nowMs + nextUnitAfterMs!).allowed).toBe(true);
            }
          } else {
            partly += 1;
            const grantMs = Math.ceil((remaining * policy.windowMs) / policy.limit);
            expect(t).toBe(Math.ceil(Math.max(nextUnitAfterMs!, grantMs) / 1_000));
          }
        }
      }),
      { numRuns: 600 },
    );
    expect(Math.min(empty, partly)).toBeGreaterThan(100);
  });
});
