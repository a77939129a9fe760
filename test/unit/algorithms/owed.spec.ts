import { MAX_PRODUCT } from '../../../lib/algorithms/algorithm.js';
import { divide, refundOf } from '../../../lib/algorithms/refunds.js';
import type { PolicyStatus } from '../../../lib/contracts/decision.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { PureLimiter } from './pure-limiter.js';

const NOW_MS = 1_750_000_000_000;
const bucket = testPolicy({ algorithm: 'token-bucket', limit: 7, windowMs: 1_000 });

describe('what a bucket owed right after a charge', () => {
  const owed = (cost: number, status: Partial<PolicyStatus>, policy = bucket): number | undefined => {
    const full = { ...new PureLimiter().peek(policy, NOW_MS), ...status };
    return refundOf({ key: 'a', policy, cost }, full).owed;
  };

  it.each([
    [1, 143, 1_000],
    [1, 144, 1_002],
    [3, 429, 3_000],
    [1, 1_000, 6_994],
  ])('of %s tokens, full again in %s ms, is at least %s', (cost, resetAfterMs, debt) => {
    expect(owed(cost, { resetAfterMs })).toBe(debt);
  });

  it('is counted by the limit of the status', () => {
    expect(owed(1, { resetAfterMs: 1_000, limit: 3 })).toBe(2_998);
  });

  it('is no more than a bucket can owe', () => {
    expect(owed(Number.MAX_SAFE_INTEGER, { resetAfterMs: 1 })).toBe(MAX_PRODUCT);
    const month = testPolicy({ algorithm: 'token-bucket', limit: 10_000_000, windowMs: 2_592_000_000 });
    expect(owed(10_000_000, { resetAfterMs: 1 }, month)).toBe(10_000_000 * 2_592_000_000);
    expect(owed(2 ** 52, { resetAfterMs: 1 }, month)).toBe(MAX_PRODUCT * 2_000_000);
  });

  it('is remembered for a bucket alone', () => {
    const charge = {
      key: 'a',
      policy: testPolicy({ algorithm: 'sliding-window', limit: 7, windowMs: 1_000 }),
      cost: 1,
    };
    expect(refundOf(charge, new PureLimiter().peek(charge.policy, NOW_MS))).toBe(charge);
    const tokens = { key: 'a', policy: bucket, cost: 1, chargedAtMs: 5 };
    expect(refundOf(tokens, new PureLimiter().peek(bucket, NOW_MS))).toEqual({ ...tokens, owed: 1_000 });
  });
});

describe('a charge in two parts', () => {
  const charge = { key: 'a', policy: bucket, cost: 5, chargedAtMs: 9 };

  it('has the last units in the first part, and the rest in the other', () => {
    expect(divide(charge, 2)).toEqual([
      { ...charge, cost: 2 },
      { ...charge, cost: 3 },
    ]);
  });

  it.each([
    [2, 4_500],
    [5, 1_500],
    [6, 500],
    [7, 0],
  ])('owes after %s units %s less', (units, owed) => {
    const [part, rest] = divide({ ...charge, cost: 8, owed: 6_500 }, units);
    expect(part).toEqual({ ...charge, cost: units, owed: 6_500 });
    expect(rest).toEqual({ ...charge, cost: 8 - units, owed });
  });
});

describe('a charge of a bucket that is given back', () => {
  const spent = (limiter = new PureLimiter()): PureLimiter => {
    limiter.consume(bucket, 7, NOW_MS);
    return limiter;
  };

  it.each([
    [0, undefined, 3],
    [0, 7_000, 3],
    [0, 3_000, 3],
    [0, 2_000, 2],
    [500, 3_500, 0],
    [500, 5_500, 2],
    [-1, 3_000, 3],
  ])('%s ms later, of what was owed %s, leaves %s tokens more', (afterMs, owed, more) => {
    const limiter = spent();
    const nowMs = NOW_MS + Math.max(0, afterMs);
    const before = limiter.peek(bucket, nowMs).remaining;
    limiter.refund(bucket, 3, nowMs, NOW_MS - Math.min(0, afterMs), owed);
    expect(limiter.peek(bucket, nowMs).remaining - before).toBe(more);
  });

  it('is counted in what the rate has no factor in common with the window, where that is large', () => {
    const month = testPolicy({ algorithm: 'token-bucket', limit: 10_000_000, windowMs: 2_592_000_000 });
    const leftAfter = (owed: number): number => {
      const limiter = new PureLimiter();
      limiter.consume(month, 1_000_000, NOW_MS);
      limiter.refund(month, 1_000_000, NOW_MS, NOW_MS, owed);
      return limiter.peek(month, NOW_MS).remaining;
    };
    expect([1_000_000, 400_000, 0].map((tokens) => leftAfter(tokens * month.windowMs))).toEqual([
      10_000_000, 9_400_000, 9_000_000,
    ]);
  });

  it('never leaves more than the burst', () => {
    const limiter = spent();
    limiter.refund(bucket, 9, NOW_MS);
    expect(limiter.stored).toBeUndefined();
  });
});
