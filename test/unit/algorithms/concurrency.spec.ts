import type { CounterState } from '../../../lib/algorithms/algorithm.js';
import { concurrency } from '../../../lib/algorithms/concurrency.js';
import { admits, decide, refund, renew } from '../../../lib/algorithms/counter.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

const NOW_MS = 1_750_000_000_000;
const LEASE_MS = 10_000;
const two = testPolicy({ algorithm: 'concurrency', limit: 2, windowMs: LEASE_MS });
const shut = testPolicy({ algorithm: 'concurrency', limit: 0, windowMs: LEASE_MS });

/** The slots of one key after some calls, each a slot and the time since the first one at which it is taken. */
function taken(...calls: readonly (readonly [slot: number, afterMs: number])[]): CounterState {
  let stored: CounterState | undefined;
  for (const [slot, afterMs] of calls) stored = decide(stored, two, 1, true, NOW_MS + afterMs, slot).state;
  return stored as CounterState;
}

const statusOf = (stored: CounterState | undefined, afterMs: number, cost = 0, slot?: number) =>
  decide(stored, two, cost, false, NOW_MS + afterMs, slot).status;

/** What is left at a time, for those who only look. */
const left = (stored: CounterState | undefined, afterMs: number): number => statusOf(stored, afterMs).remaining;

describe('slots', () => {
  it('are all free for a new key', () => {
    expect(statusOf(undefined, 0)).toMatchObject({
      allowed: true,
      remaining: 2,
      resetAfterMs: 0,
      retryAfterMs: 0,
      nextUnitAfterMs: 0,
    });
  });

  it('are taken one by one, and reset when the last lease ends', () => {
    const first = decide(undefined, two, 1, false, NOW_MS, 7);
    expect(first.status).toMatchObject({ allowed: true, remaining: 1, resetAfterMs: LEASE_MS, retryAfterMs: 0 });
    const second = decide(first.state, two, 1, false, NOW_MS + 4_000, 8);
    expect(second.status).toMatchObject({ allowed: true, remaining: 0, resetAfterMs: LEASE_MS, retryAfterMs: 0 });
    expect(statusOf(second.state, 5_000)).toMatchObject({ remaining: 0, resetAfterMs: 9_000, nextUnitAfterMs: 5_000 });
  });

  it('refuse a call beyond the limit, and tell when the first lease ends', () => {
    const stored = taken([7, 0], [8, 4_000]);
    const { state, status } = decide(stored, two, 1, false, NOW_MS + 5_000, 9);
    expect(status).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 5_000, resetAfterMs: 9_000 });
    expect(state).toBe(stored);
    expect(admits(stored, two, 1, false, NOW_MS + 5_000, 9)).toBe(false);
  });

  it.each([
    [8_999, 1_001],
    [9_000, 1_000],
    [9_001, 1_000],
    [9_999, 1_000],
  ])('refuse after %s ms for %s ms: nobody asks again sooner than in a second', (afterMs, waitMs) => {
    const { retryAfterMs, nextUnitAfterMs } = statusOf(taken([7, 0], [8, 0]), afterMs, 1, 9);
    expect([retryAfterMs, nextUnitAfterMs]).toEqual([waitMs, waitMs]);
  });

  it('pass a forced call beyond the limit, and never tell less than nothing left', () => {
    const stored = taken([7, 0], [8, 0], [9, 0]);
    expect(stored.used).toBe(3);
    expect(concurrency.decide(stored, two, 0, true, NOW_MS).remaining).toBe(-1);
    expect(left(stored, 0)).toBe(0);
  });

  it('take nothing for a call that costs nothing', () => {
    const stored = taken([7, 0]);
    expect(decide(stored, two, 0, false, NOW_MS, 8).state).toBe(stored);
    expect(decide(undefined, two, 0, false, NOW_MS, 8).state).toBeUndefined();
  });

  it('need a name', () => {
    expect(() => decide(undefined, two, 1, false, NOW_MS)).toThrow(
      new TypeError('A charge of a concurrency policy names the slot that it takes.'),
    );
  });
});

describe('a lease', () => {
  it('holds its slot until it ends, to the millisecond', () => {
    const stored = taken([7, 0], [8, 0]);
    expect([left(stored, 9_999), left(stored, 10_000)]).toEqual([0, 2]);
    expect(admits(stored, two, 1, false, NOW_MS + 9_999, 9)).toBe(false);
    expect(admits(stored, two, 1, false, NOW_MS + 10_000, 9)).toBe(true);
  });

  it('ends alone: the slots of others stay', () => {
    const stored = taken([7, 0], [8, 4_000]);
    const { state, status } = decide(stored, two, 1, false, NOW_MS + 10_000, 9);
    expect(status).toMatchObject({ allowed: true, remaining: 0 });
    expect(state?.log).toEqual([8, NOW_MS + 14_000, 9, NOW_MS + 20_000]);
  });

  it('starts again if its slot is taken again, even where all are taken', () => {
    const stored = taken([7, 0], [8, 0]);
    expect(admits(stored, two, 1, false, NOW_MS + 5_000, 7)).toBe(true);
    const again = decide(stored, two, 1, false, NOW_MS + 5_000, 7);
    expect(again.status).toMatchObject({ allowed: true, remaining: 0, resetAfterMs: LEASE_MS });
    expect([left(again.state, 10_000), left(again.state, 15_000)]).toEqual([1, 2]);
  });

  it('is never confused with the name of a slot', () => {
    expect(taken([Number.MAX_SAFE_INTEGER, 0]).at).toBe(NOW_MS + LEASE_MS);
    const endMs = NOW_MS + LEASE_MS;
    const stored = taken([7, 0], [8, 0]);
    expect(admits(stored, two, 1, false, NOW_MS, endMs)).toBe(false);
    expect(refund(stored, two, 1, NOW_MS, undefined, undefined, endMs)).toBe(stored);
  });

  it('is no longer than one that starts now, after the clock stepped back or the policy changed', () => {
    const stored = taken([7, 0], [8, 0]);
    const { state, status } = decide(stored, two, 0, false, NOW_MS - 5_000);
    expect(status).toMatchObject({ remaining: 0, resetAfterMs: LEASE_MS });
    expect(state).toMatchObject({ at: NOW_MS + 5_000, log: [7, NOW_MS + 5_000, 8, NOW_MS + 5_000] });
    const short = { ...two, windowMs: 3_000 };
    expect(decide(stored, short, 0, false, NOW_MS).status.resetAfterMs).toBe(3_000);
    expect(decide(stored, short, 0, false, NOW_MS + 7_000).state).toBe(stored);
    expect(decide(stored, short, 0, false, NOW_MS + 6_999).state).not.toBe(stored);
  });
});

const giveBack = (stored: CounterState, slot: number | undefined, afterMs: number) =>
  refund(stored, two, 1, NOW_MS + afterMs, undefined, undefined, slot);

describe('a slot that is given back', () => {
  it('is free at once; the others are held as before', () => {
    const after = giveBack(taken([7, 0], [8, 4_000]), 7, 5_000) as CounterState;
    expect(after).toMatchObject({ used: 1, at: NOW_MS + 14_000, log: [8, NOW_MS + 14_000] });
    expect([left(after, 5_000), left(after, 14_000)]).toEqual([1, 2]);
  });

  it('leaves nothing to store if it was the last', () => {
    expect(giveBack(taken([7, 0]), 7, 5_000)).toBeUndefined();
  });

  it.each([
    ['of nobody', 9],
    ['without a name', undefined],
  ])('changes nothing as one %s', (_whose, slot) => {
    const stored = taken([7, 0], [8, 0]);
    expect(giveBack(stored, slot, 5_000)).toBe(stored);
  });

  it('changes nothing after its lease', () => {
    const after = giveBack(taken([7, 0], [8, 4_000]), 7, 10_000);
    expect(left(after, 10_000)).toBe(1);
  });
});

describe('a slot that is renewed', () => {
  it('has a lease from then on', () => {
    const renewed = renew(taken([7, 0], [8, 0]), two, 7, NOW_MS + 9_999) as CounterState;
    expect(renewed.log).toEqual([8, NOW_MS + 10_000, 7, NOW_MS + 19_999]);
    expect([left(renewed, 10_000), left(renewed, 19_998), left(renewed, 19_999)]).toEqual([1, 1, 2]);
  });

  it('is found behind others', () => {
    const stored = taken([7, 0], [8, 0]);
    expect(renew(stored, two, 8, NOW_MS + 1)?.log).toEqual([7, NOW_MS + 10_000, 8, NOW_MS + 10_001]);
    expect(giveBack(stored, 8, 1)?.log).toEqual([7, NOW_MS + 10_000]);
  });

  it('stays lost once its lease has ended', () => {
    const stored = taken([7, 0], [8, 4_000]);
    expect(left(renew(stored, two, 7, NOW_MS + 10_000), 10_000)).toBe(1);
  });

  it('is not made: nobody holds it', () => {
    const stored = taken([7, 0]);
    expect(renew(stored, two, 8, NOW_MS)).toBe(stored);
    expect(renew(stored, two, undefined, NOW_MS)).toBe(stored);
  });

  it('stays as it is while the limit is 0', () => {
    const stored = taken([7, 0]);
    expect(renew(stored, shut, 7, NOW_MS + 5_000)).toBe(stored);
    expect(refund(stored, shut, 1, NOW_MS + 5_000, undefined, undefined, 7)).toBe(stored);
  });

  it('is not one of a policy that counts units', () => {
    const bucket = testPolicy({ algorithm: 'token-bucket', limit: 2, windowMs: LEASE_MS });
    const stored = decide(undefined, bucket, 1, false, NOW_MS).state as CounterState;
    expect(renew(stored, bucket, 1, NOW_MS + 1)).toBe(stored);
    const log = testPolicy({ algorithm: 'sliding-log', limit: 2, windowMs: LEASE_MS });
    const logged = decide(undefined, log, 1, false, NOW_MS).state as CounterState;
    expect(renew(logged, log, NOW_MS, NOW_MS + 1)).toBe(logged);
  });
});
