import { counted, MAX_PRODUCT, type CounterState } from '../../../lib/algorithms/algorithm.js';
import { admits, decide } from '../../../lib/algorithms/counter.js';
import { tokenBucket } from '../../../lib/algorithms/token-bucket.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

const NOW_MS = 1_750_000_000_000;
const bucket = testPolicy({ algorithm: 'token-bucket', limit: 10, windowMs: 1_000, burst: 4 });

/** So many thousandths of a token are owed at `NOW_MS`. */
const owing = (debt: number): CounterState => counted(1_000, NOW_MS, debt, 10);
const statusOf = (stored: CounterState | undefined, afterMs: number, cost = 0) =>
  decide(stored, bucket, cost, false, NOW_MS + afterMs).status;

describe('a bucket', () => {
  it('starts full, with its burst', () => {
    expect(statusOf(undefined, 0)).toMatchObject({ remaining: 4, resetAfterMs: 0, nextUnitAfterMs: 0 });
    expect([4, 5].map((cost) => admits(undefined, bucket, cost, false, NOW_MS))).toEqual([true, false]);
  });

  it('owes what was taken, and refills by the millisecond', () => {
    const { state, status } = decide(undefined, bucket, 3, false, NOW_MS);
    expect(state).toEqual(owing(3_000));
    expect(status).toMatchObject({ allowed: true, remaining: 1, resetAfterMs: 300, nextUnitAfterMs: 100 });
    expect([99, 100, 299, 300].map((ms) => statusOf(state, ms).remaining)).toEqual([1, 2, 3, 4]);
  });

  it.each([
    [4_000, 1, 100],
    [3_001, 1, 1],
    [3_010, 1, 1],
    [3_011, 1, 2],
    [4_000, 4, 400],
    [1, 4, 1],
  ])('that owes %s thousandths refuses %s tokens for %s ms', (debt, cost, waitMs) => {
    const stored = owing(debt);
    const { state, status } = decide(stored, bucket, cost, false, NOW_MS);
    expect(status).toMatchObject({ allowed: false, retryAfterMs: waitMs });
    expect(state).toBe(stored);
    expect(admits(stored, bucket, cost, false, NOW_MS + waitMs - 1)).toBe(false);
    expect(admits(stored, bucket, cost, false, NOW_MS + waitMs)).toBe(true);
  });

  it('is the same object for the backend, and by itself, if a call is refused', () => {
    const stored = owing(4_000);
    expect(tokenBucket.decide(stored, bucket, 1, false, NOW_MS + 5).state).toBe(stored);
    expect(tokenBucket.decide(stored, bucket, 1, false, NOW_MS - 1).state).toEqual(
      counted(1_000, NOW_MS - 1, 4_000, 10),
    );
  });

  it('refills not at all while the clock is behind, and on from where it stands', () => {
    const { state, status } = decide(owing(4_000), bucket, 0, false, NOW_MS - 60_000);
    expect(status).toMatchObject({ remaining: 0, resetAfterMs: 400 });
    expect(state).toEqual(counted(1_000, NOW_MS - 60_000, 4_000, 10));
    expect(decide(state, bucket, 0, false, NOW_MS - 59_900).status.remaining).toBe(1);
  });

  it('owes no more than can be counted exactly', () => {
    const huge = decide(undefined, bucket, Number.MAX_SAFE_INTEGER, true, NOW_MS);
    expect(huge.state?.used).toBe(MAX_PRODUCT);
  });
});

describe('a bucket whose rate changes', () => {
  it.each([
    ['limit', { ...bucket, limit: 20 }],
    ['window', { ...bucket, windowMs: 2_000 }],
  ])('is displaced: its %s', (_what, other) => {
    expect(tokenBucket.isDisplaced(owing(1), bucket, NOW_MS)).toBe(false);
    expect(tokenBucket.isDisplaced(owing(1), bucket, NOW_MS - 1)).toBe(true);
    expect(tokenBucket.isDisplaced(owing(1), other, NOW_MS)).toBe(true);
  });

  it('counts the time before at the rate of then', () => {
    const faster = { ...bucket, limit: 100 };
    expect(tokenBucket.advance(owing(4_000), faster, NOW_MS + 100)).toEqual(counted(1_000, NOW_MS + 100, 3_000, 100));
  });

  it.each([
    [4_000, 2_000, 8_000],
    [3_001, 2_000, 6_002],
    [3_001, 500, 1_501],
    [1, 7, 1],
    [0, 7, 0],
    [3_000, 7, 21],
    [3_999, 7, 28],
    [3_001, 10, 31],
  ])('owes the same tokens, rounded up: %s thousandths, by a window of %s ms %s', (debt, windowMs, carried) => {
    const other = { ...bucket, windowMs };
    expect(tokenBucket.advance(owing(debt), other, NOW_MS)).toEqual(counted(windowMs, NOW_MS, carried, 10));
  });

  it('owes no more than can be counted exactly', () => {
    const other = { ...bucket, windowMs: 1_000_000 };
    expect(tokenBucket.advance(owing(MAX_PRODUCT / 2), other, NOW_MS).used).toBe(MAX_PRODUCT);
  });
});
