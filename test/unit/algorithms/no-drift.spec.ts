import { testPolicy } from '../../../lib/testing/test-policy.js';
import { PureLimiter } from './pure-limiter.js';

const MILLION = 1_000_000;
const START_MS = Date.UTC(2026, 0, 1);

/** Awkward ratios of units to milliseconds. */
const RATIOS: readonly (readonly [limit: number, windowMs: number])[] = [
  [7, 1000],
  [1000, 3_600_000],
  [999_983, 1000],
];

const ceilDiv = (number: bigint, by: bigint): bigint => (number + by - 1n) / by;

describe.each(RATIOS)('a million units at %s in %s ms', (limit, windowMs) => {
  const bucket = testPolicy({ algorithm: 'token-bucket', limit, windowMs });
  const sliding = testPolicy({ algorithm: 'sliding-window', limit, windowMs });

  it('leave a token bucket to the millisecond when exact arithmetic says so', () => {
    const limiter = new PureLimiter();
    let nowMs = START_MS;
    for (let consumed = 0; consumed < MILLION;) {
      const { allowed, retryAfterMs } = limiter.consume(bucket, 1, nowMs);
      if (allowed) consumed += 1;
      else nowMs += retryAfterMs as number;
    }
    const refilled = BigInt(Math.max(0, MILLION - limit));
    expect(BigInt(nowMs - START_MS)).toBe(ceilDiv(refilled * BigInt(windowMs), BigInt(limit)));
  });

  it('taken at odd times from a token bucket leave exactly what was refilled', () => {
    const limiter = new PureLimiter();
    let nowMs = START_MS;
    let owed = 0n; // in tokens x window
    for (let call = 0; call < MILLION; call += 1) {
      const elapsedMs = (call * 7919) % 13;
      nowMs += elapsedMs;
      owed -= BigInt(elapsedMs * limit);
      if (owed < 0n) owed = 0n;
      const fits = owed + BigInt(windowMs) <= BigInt(limit * windowMs);
      if (fits) owed += BigInt(windowMs);
      const { allowed, remaining } = limiter.consume(bucket, 1, nowMs);
      if (allowed !== fits || remaining !== Number((BigInt(limit * windowMs) - owed) / BigInt(windowMs))) {
        throw new Error(`differs at call ${call}`);
      }
    }
  });

  it('taken at odd times from a sliding window pass exactly where the estimate allows', () => {
    const limiter = new PureLimiter();
    const window = BigInt(windowMs);
    let nowMs = START_MS;
    let [at, previous, current] = [BigInt(START_MS) / window, 0n, 0n];
    for (let call = 0; call < MILLION; call += 1) {
      nowMs += (call * 7919) % 13;
      const now = BigInt(nowMs) / window;
      if (now !== at) [at, previous, current] = [now, now === at + 1n ? current : 0n, 0n];
      const left = (at + 1n) * window - BigInt(nowMs);
      const fits = previous * left + (current + 1n) * window <= BigInt(limit) * window;
      if (fits) current += 1n;
      if (limiter.consume(sliding, 1, nowMs).allowed !== fits) throw new Error(`differs at call ${call}`);
    }
  });
});
