import type { BackendRequest } from '../../../lib/contracts/backend.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { LocalLimiter } from '../../../lib/limiter/local-limiter.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { manualClock } from '../../support/manual-clock.js';

const MONTH_MS = 30 * 86_400_000;

const limitOf = (limit: number, windowMs = 60_000, more: Partial<Policy> = {}): Policy =>
  testPolicy({ algorithm: 'fixed-window', limit, windowMs, id: `${limit}/${windowMs}`, ...more });

const asking = (policies: readonly Policy[], cost = 1, key = 'someone'): BackendRequest => ({
  charges: policies.map((policy) => ({ key, policy, cost })),
  timeoutMs: 1_000,
});

describe('a limiter of one process', () => {
  it('counts by the clock that it is given', () => {
    const clock = manualClock();
    const local = new LocalLimiter(1, clock);
    const once = asking([limitOf(1)]);
    expect(local.consume(once, 0)).toMatchObject({ allowed: true, nowMs: clock() });
    clock.advance(59_999);
    expect(local.consume(once, 0)).toMatchObject({ allowed: false, policies: [{ retryAfterMs: 1 }] });
    clock.advance(1);
    expect(local.consume(once, 0)).toMatchObject({ allowed: true, nowMs: clock() });
  });

  it('holds a counter for each key and policy, until it is reset or all are forgotten', () => {
    const local = new LocalLimiter(0.5, manualClock());
    const [one, other] = [asking([limitOf(4), limitOf(8)]), asking([limitOf(4)], 1, 'another')];
    expect(local.size).toBe(0);
    local.consume(one, 0);
    local.consume(other, 0);
    expect(local.size).toBe(3);
    local.reset(one);
    expect(local.size).toBe(1);
    expect(local.peek(other, 0)).toMatchObject({ policies: [{ limit: 2, remaining: 1 }] });
    local.clear();
    expect(local.size).toBe(0);
    expect(local.peek(other, 0)).toMatchObject({ policies: [{ limit: 2, remaining: 2 }] });
  });

  it('gives back to the share that it charged', () => {
    const local = new LocalLimiter(0.5, manualClock());
    const two = asking([limitOf(4)], 2);
    expect(local.consume(two, 0).allowed).toBe(true);
    expect(local.consume(two, 0).allowed).toBe(false);
    local.refund(two);
    expect(local.consume(two, 0).allowed).toBe(true);
  });

  it('keeps a slot that is renewed', () => {
    const clock = manualClock();
    const local = new LocalLimiter(1, clock);
    const policy = limitOf(1, 10_000, { algorithm: 'concurrency' });
    const slot = (number: number): BackendRequest => ({
      charges: [{ key: 'job', policy, cost: 1, slot: number }],
      timeoutMs: 1_000,
    });
    expect(local.consume(slot(1), 0).allowed).toBe(true);
    clock.advance(6_000);
    local.renew(slot(1));
    clock.advance(9_999);
    expect(local.consume(slot(2), 0).allowed).toBe(false);
    clock.advance(1);
    expect(local.consume(slot(2), 0).allowed).toBe(true);
  });
});

describe('a call that costs more than a share', () => {
  it.each([
    ['comes back with the backend', 3, 5_000, 5_000],
    ['comes back in a second at the soonest', 3, 999, 1_000],
    ['comes back in a second if nobody knows when the backend is back', 3, 0, 1_000],
    ['never passes if it costs more than the limit', 9, 5_000, null],
  ])('%s', (_what, cost, backInMs, retryAfterMs) => {
    const local = new LocalLimiter(0.25, manualClock());
    const reply = local.consume(asking([limitOf(8)], cost), backInMs);
    expect(reply).toMatchObject({ allowed: false, policies: [{ limit: 2, remaining: 2, retryAfterMs }] });
  });

  it('is told so only by the policy whose share is too small', () => {
    const local = new LocalLimiter(0.25, manualClock());
    const reply = local.consume(asking([limitOf(100), limitOf(8), limitOf(2)], 3), 7_000);
    expect(reply.policies.map(({ allowed, retryAfterMs }) => [allowed, retryAfterMs])).toEqual([
      [true, 0],
      [false, 7_000],
      [false, null],
    ]);
  });
});

describe('the share of a policy', () => {
  const bucket = (limit: number, windowMs: number, burst: number): Policy =>
    limitOf(limit, windowMs, { algorithm: 'token-bucket', burst });

  it.each<[string, number, Policy, { limit: number; remaining: number }]>([
    ['is a part of the limit, without fractions', 0.35, limitOf(10), { limit: 3, remaining: 3 }],
    ['is at least one', 0.01, limitOf(10), { limit: 1, remaining: 1 }],
    ['is nothing of nothing', 0.5, limitOf(0), { limit: 0, remaining: 0 }],
    ['is nothing of an empty bucket', 0.5, bucket(0, MONTH_MS, 0), { limit: 0, remaining: 0 }],
    ['is all of it', 1, bucket(7, 1_000, 3), { limit: 7, remaining: 3 }],
    ['is a part of the burst, too', 0.5, bucket(100, 60_000, 20), { limit: 50, remaining: 10 }],
    ['is not rounded in a window', 0.7000001, limitOf(1e7, MONTH_MS), { limit: 7_000_001, remaining: 7_000_001 }],
    ['is round in a bucket', 0.7000001, bucket(1e7, MONTH_MS, 1e7), { limit: 7_000_000, remaining: 7_000_000 }],
    ['has a burst that counts exactly', 0.7, bucket(1e7, MONTH_MS, 3e12), { limit: 7e6, remaining: 1_737_499_856_238 }],
  ])('%s', (_what, share, policy, expected) => {
    const local = new LocalLimiter(share, manualClock());
    for (let time = 0; time < 2; time += 1) {
      expect(local.peek(asking([policy], 0), 0).policies[0]).toMatchObject(expected);
    }
  });
});
