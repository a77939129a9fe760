import { COUNTING_ALGORITHMS, type Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { randomNumbers } from '../../support/random-numbers.js';
import { PureLimiter } from './pure-limiter.js';

const START_MS = 1_750_000_000_000;
const STEPS = 300;

const QUOTAS: readonly (readonly [limit: number, windowMs: number])[] = [
  [1, 1_000],
  [3, 1_000],
  [7, 1_001],
  [100, 1_000],
  [1_000, 60_000],
];

/** Calls, overdrafts and refunds at random times, the same in each run; a look after each. */
function live(policy: Policy, look: (limiter: PureLimiter, nowMs: number) => void): void {
  const random = randomNumbers(policy.limit + policy.windowMs);
  const limiter = new PureLimiter();
  let nowMs = START_MS;
  for (let step = 0; step < STEPS; step += 1) {
    nowMs += Math.floor(random() ** 3 * 1.2 * policy.windowMs);
    const cost = Math.ceil(random() ** 2 * policy.limit);
    if (random() < 0.1) limiter.refund(policy, cost, nowMs);
    else limiter.consume(policy, cost, nowMs, random() < 0.1);
    look(limiter, nowMs);
  }
}

describe.each(COUNTING_ALGORITHMS)('the next unit of a %s policy', (algorithm) => {
  it.each(QUOTAS)('of %s units in %s ms comes when it is told, and not sooner', (limit, windowMs) => {
    const policy = testPolicy({ algorithm, limit, windowMs });
    let looks = 0;
    live(policy, (limiter, nowMs) => {
      const { remaining, nextUnitAfterMs = Number.NaN } = limiter.peek(policy, nowMs);
      if (remaining === limit && nextUnitAfterMs === 0) return;
      looks += 1;
      const before = limiter.peek(policy, nowMs + nextUnitAfterMs - 1).remaining;
      const then = limiter.peek(policy, nowMs + nextUnitAfterMs).remaining;
      expect([nextUnitAfterMs > 0, before, then > remaining]).toEqual([true, remaining, true]);
    });
    expect(looks).toBeGreaterThan(STEPS / 4);
  });

  it('is none for a new key', () => {
    expect(new PureLimiter().peek(testPolicy({ algorithm, limit: 3, windowMs: 1_000 }), START_MS)).toMatchObject({
      remaining: 3,
      resetAfterMs: 0,
      nextUnitAfterMs: 0,
    });
  });
});

describe('the next unit of a bucket', () => {
  const policy = testPolicy({ algorithm: 'token-bucket', limit: 10, windowMs: 1_000, burst: 4 });

  it.each([
    [1, 3, 100],
    [4, 0, 100],
    [5, 0, 200],
    [9, 0, 600],
  ])('after %s tokens of a burst of 4 leaves %s comes in %s ms', (cost, remaining, nextUnitAfterMs) => {
    const limiter = new PureLimiter();
    expect(limiter.consume(policy, cost, START_MS, true)).toMatchObject({ remaining, nextUnitAfterMs });
  });
});
