import assert from 'node:assert/strict';
import fc from 'fast-check';
import { divide, refundOf } from '../../../lib/algorithms/refunds.js';
import type { Refund } from '../../../lib/contracts/backend.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { PureLimiter } from './pure-limiter.js';

const START_MS = 1_750_000_000_000;

/** A bucket that holds a charge while others call, and the same bucket to which that charge never came. */
class HeldCharge {
  private readonly bucket = new PureLimiter();
  private readonly never = new PureLimiter();
  private nowMs = START_MS;

  constructor(private readonly policy: Policy) {}

  others(units: number): void {
    for (const limiter of [this.bucket, this.never]) limiter.consume(this.policy, units, this.nowMs, true);
  }

  hold(units: number): (parts: number) => void {
    const status = this.bucket.consume(this.policy, units, this.nowMs, true);
    const chargedAtMs = this.nowMs;
    let held: Refund = refundOf({ key: 'a', policy: this.policy, cost: units }, status);
    return (wanted) => {
      const [part, rest] = divide(held, Math.min(wanted, held.cost));
      held = rest;
      this.bucket.refund(this.policy, part.cost, this.nowMs, chargedAtMs, part.owed);
    };
  }

  pass(ms: number): void {
    this.nowMs += ms;
  }

  /** How many ms sooner or later it is full than if the charge had never come. */
  get lagMs(): number {
    const [full, fullAnyway] = [this.bucket, this.never].map(
      (limiter) => limiter.peek(this.policy, this.nowMs).resetAfterMs,
    ) as [number, number];
    return full - fullAnyway;
  }
}

const bucket = (limit: number, windowMs: number, burst = limit): Policy =>
  testPolicy({ algorithm: 'token-bucket', limit, windowMs, burst });

const quota = fc.record({
  limit: fc.integer({ min: 1, max: 50 }),
  windowMs: fc.constantFrom(7, 10, 1_000, 1_001, 60_000),
  burst: fc.integer({ min: 1, max: 60 }),
});
const units = fc.integer({ min: 1, max: 60 });
const steps = fc.array(
  fc.record({
    ms: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 3_000 }), fc.constant(60_000)),
    back: fc.integer({ min: 0, max: 30 }),
    others: fc.integer({ min: 0, max: 30 }),
  }),
  { maxLength: 6 },
);

describe('a charge of a token bucket that is given back late', () => {
  it('takes back no token that was refilled meanwhile', () => {
    const held = new HeldCharge(bucket(10, 10_000));
    const release = held.hold(10);
    held.pass(10_000);
    held.others(10);
    release(10);
    expect(held.lagMs).toBe(0);
  });

  it('takes back those that were not refilled yet', () => {
    const held = new HeldCharge(bucket(10, 10_000));
    const release = held.hold(10);
    held.pass(4_000);
    release(10);
    expect(held.lagMs).toBe(0);
  });

  it('never leaves more than if it had not been made, whatever others do and in however many parts', () => {
    forEachPath(true, (lagMs) => assert.ok(lagMs >= 0, `full ${-lagMs} ms too soon`));
  });

  it('leaves, to a millisecond, what there would be had it not been made, if nobody else calls meanwhile', () => {
    forEachPath(false, (lagMs) => assert.ok(lagMs === 0 || lagMs === 1, `${lagMs} ms off`));
  });
});

/** Holds charges of random buckets, gives them back in random parts and at last in full, and checks the lag. */
function forEachPath(withOthers: boolean, check: (lagMs: number) => void): void {
  fc.assert(
    fc.property(quota, units, units, steps, ({ limit, windowMs, burst }, before, cost, path) => {
      const held = new HeldCharge(bucket(limit, windowMs, burst));
      held.others(before);
      const release = held.hold(cost);
      for (const step of path) {
        held.pass(step.ms);
        release(step.back);
        if (withOthers) held.others(step.others);
      }
      release(cost);
      check(held.lagMs);
    }),
    { numRuns: Number(process.env['SEQUENCES'] ?? 20_000) },
  );
}
