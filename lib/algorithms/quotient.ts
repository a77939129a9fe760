import { MAX_PRODUCT } from './algorithm.js';

/**
 * Most units of which a product with a window is still divided exactly when it is beyond `MAX_PRODUCT`. It is also more
 * than the milliseconds of the longest window.
 */
export const MAX_WIDE_UNITS = 2 ** 35 - 1;

/** Units that a window may hold, whose products with its length can be divided exactly. */
export const mostUnits = (windowMs: number): number => Math.max(Math.floor(MAX_PRODUCT / windowMs), MAX_WIDE_UNITS);

/** `a * b / c`, rounded down, exactly. All three are at most `MAX_WIDE_UNITS`, or `a * b` is at most `MAX_PRODUCT`. */
export function floorOf(a: number, b: number, c: number): number {
  const product = a * b;
  return product <= MAX_PRODUCT ? Math.floor(product / c) : inHalves(a, b, c, Math.floor);
}

/** The same, rounded up. */
export function ceilOf(a: number, b: number, c: number): number {
  const product = a * b;
  return product <= MAX_PRODUCT ? Math.ceil(product / c) : inHalves(a, b, c, Math.ceil);
}

/** A digit to the base 2^17: of a number of 35 bits, the upper part times another one is below 2^53, and so is the rest. */
const HALF = 2 ** 17;

/** Long division, as on paper: by the upper part of `a` first. */
function inHalves(a: number, b: number, c: number, round: (quotient: number) => number): number {
  const upper = Math.floor(a / HALF) * b;
  const rest = (upper % c) * HALF + (a % HALF) * b;
  return Math.floor(upper / c) * HALF + round(rest / c);
}

/**
 * What a token is worth in the debt of a bucket, and what a millisecond repays of it: the window (ms) and the limit, and
 * where their product is beyond `MAX_PRODUCT`, both without the factors that they have in common. The ratio is the same.
 */
export interface Refill {
  readonly token: number;
  readonly perMs: number;
}

export function refillOf(limit: number, windowMs: number): Refill {
  const common = commonFactor(limit, windowMs);
  return { token: windowMs / common, perMs: limit / common };
}

/** By what the refill of a bucket is shortened: 1 where that is not needed. */
export function commonFactor(limit: number, windowMs: number): number {
  if (limit * windowMs <= MAX_PRODUCT) return 1;
  let [divisor, rest] = [limit, windowMs];
  while (rest > 0) [divisor, rest] = [rest, divisor % rest];
  return divisor;
}

/** The largest limit up to this one, rounder by some digits if need be, with which a bucket counts exactly. */
export function exactBucketLimit(limit: number, windowMs: number): number {
  for (let step = 1; step <= limit; step *= 10) {
    const rounder = limit - (limit % step);
    if (rounder * refillOf(rounder, windowMs).token <= MAX_PRODUCT) return rounder;
  }
  return Math.floor(MAX_PRODUCT / windowMs);
}
