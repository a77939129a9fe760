import { MAX_PRODUCT } from '../../../lib/algorithms/algorithm.js';
import {
  ceilOf,
  commonFactor,
  exactBucketLimit,
  floorOf,
  MAX_WIDE_UNITS,
  mostUnits,
  refillOf,
} from '../../../lib/algorithms/quotient.js';

const MONTH_MS = 2_592_000_000;

const FACTORS = [
  [0, 7, 3],
  [6, 7, 3],
  [7, 7, 3],
  [1, 1, 2],
  [2 ** 26, 2 ** 26, 3],
  [2 ** 26, 2 ** 26 + 1, 3],
  [2 ** 26 + 1, 2 ** 26 + 1, 2 ** 26 + 1],
  [MAX_WIDE_UNITS, MAX_WIDE_UNITS, MAX_WIDE_UNITS],
  [MAX_WIDE_UNITS, MAX_WIDE_UNITS - 1, MAX_WIDE_UNITS],
  [MAX_WIDE_UNITS - 1, MAX_WIDE_UNITS, MAX_WIDE_UNITS - 2],
  [2 ** 34, 2 ** 34 + 1, 31_622_400_000],
  [2 ** 34, 2 ** 34 + 2, 2 ** 34 + 1],
  [10_000_019, 2_591_999_999, MONTH_MS],
  [2 ** 17 * 5, 2 ** 34 + 7, 2 ** 34 - 1],
] as const;

describe('a product divided', () => {
  it.each(FACTORS)('%s x %s / %s is what integers say', (a, b, c) => {
    const [product, by] = [BigInt(a) * BigInt(b), BigInt(c)];
    expect(BigInt(floorOf(a, b, c))).toBe(product / by);
    expect(BigInt(ceilOf(a, b, c))).toBe((product + by - 1n) / by);
  });
});

describe('the units that a window may hold', () => {
  it.each([
    [1, MAX_PRODUCT],
    [2 ** 17, 2 ** 35],
    [2 ** 17 + 1, MAX_WIDE_UNITS],
    [1_000, Math.floor(MAX_PRODUCT / 1_000)],
    [MONTH_MS, MAX_WIDE_UNITS],
  ])('of %s ms are at most %s', (windowMs, most) => {
    expect(mostUnits(windowMs)).toBe(most);
  });
});

describe('the refill of a bucket', () => {
  it.each([
    [7, 1_000, 1],
    [10, 1_000, 1],
    [2 ** 20, 2 ** 32, 1],
    [2 ** 20 + 2 ** 10, 2 ** 32, 2 ** 10],
    [10_000_000, MONTH_MS, 2_000_000],
    [1_000_000_000, 86_400_000, 1_600_000],
    [2 ** 35 - 31, 2 ** 30, 1],
  ])('of %s in %s ms is shortened by %s', (limit, windowMs, common) => {
    const shortened = commonFactor(limit, windowMs);
    expect(refillOf(limit, windowMs)).toEqual({ token: windowMs / shortened, perMs: limit / shortened });
    expect(shortened).toBe(common);
  });
});

describe('the largest limit with which a bucket counts exactly', () => {
  it.each([
    [5, 1_000, 5],
    [10_000_000, MONTH_MS, 10_000_000],
    [12_345_679, MONTH_MS, 12_345_670],
    [2 ** 52, 1, 2 ** 52],
    [2 ** 52 + 1, 1, 2 ** 52 - 6],
    [Number.MAX_SAFE_INTEGER, 1, Math.floor(MAX_PRODUCT)],
  ])('up to %s in %s ms is %s', (limit, windowMs, exact) => {
    expect(exactBucketLimit(limit, windowMs)).toBe(exact);
  });

  it.each([
    [999_999_937, MONTH_MS + 1],
    [Number.MAX_SAFE_INTEGER, 31_622_400_000],
    [3, 2 ** 52],
    [12_345_678, MONTH_MS - 1],
  ])('up to %s in %s ms is one, and no more than asked for', (limit, windowMs) => {
    const exact = exactBucketLimit(limit, windowMs);
    expect(exact * refillOf(exact, windowMs).token).toBeLessThanOrEqual(MAX_PRODUCT);
    expect(exact).toBeLessThanOrEqual(limit);
    expect(exact).toBeGreaterThanOrEqual(Math.min(limit, Math.floor(MAX_PRODUCT / windowMs)));
  });
});
