import type { CounterState } from '../../../lib/algorithms/algorithm.js';
import { admits, asOfNow, decide, isFresh, refund, renew } from '../../../lib/algorithms/counter.js';
import { ALGORITHM_NAMES, type AlgorithmName, type Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

/** The start of a window of every algorithm. */
const NOW_MS = 1_750_000_000_000;
const WINDOW_MS = 1_000;
const BLOCK_MS = 5_000;

const blocking = (algorithm: AlgorithmName, blockForMs = BLOCK_MS, limit = 3): Policy =>
  testPolicy({ algorithm, limit, windowMs: WINDOW_MS, blockForMs, mode: 'shadow', unit: 'bytes' });

/** The state of a key that has used up its quota and was refused at `NOW_MS`. */
function blocked(policy: Policy): CounterState {
  let stored: CounterState | undefined;
  for (let slot = 0; slot < policy.limit; slot += 1) stored = decide(stored, policy, 1, false, NOW_MS, slot).state;
  return decide(stored, policy, 1, false, NOW_MS, policy.limit).state as CounterState;
}

describe.each(ALGORITHM_NAMES)('a block of a %s policy', (algorithm) => {
  const policy = blocking(algorithm);
  const block = blocked(policy);
  const at = (afterMs: number, cost = 1) => decide(block, policy, cost, false, NOW_MS + afterMs, 9);

  it('begins with the first refusal, which tells its whole length', () => {
    let stored: CounterState | undefined;
    for (const slot of [0, 1, 2]) stored = decide(stored, policy, 1, false, NOW_MS, slot).state;
    expect(decide(stored, policy, 1, false, NOW_MS, 3).status).toEqual({
      name: 'test',
      limit: 3,
      windowMs: WINDOW_MS,
      allowed: false,
      remaining: 0,
      resetAfterMs: BLOCK_MS,
      retryAfterMs: BLOCK_MS,
      nextUnitAfterMs: BLOCK_MS,
      mode: 'shadow',
      unit: 'bytes',
    });
  });

  it('refuses every call until it is over, and is not longer for that', () => {
    for (const afterMs of [0, 1, 2_500, BLOCK_MS - 1]) {
      const { state, status } = at(afterMs);
      const leftMs = BLOCK_MS - afterMs;
      expect(state).toBe(block);
      expect(status).toMatchObject({ allowed: false, remaining: 0, resetAfterMs: leftMs, retryAfterMs: leftMs });
      expect(status.nextUnitAfterMs).toBe(leftMs);
      expect(admits(block, policy, 1, false, NOW_MS + afterMs, 9)).toBe(false);
    }
  });

  it('is over to the millisecond, with a fresh quota', () => {
    expect(admits(block, policy, 1, false, NOW_MS + BLOCK_MS, 9)).toBe(true);
    const { state, status } = at(BLOCK_MS);
    expect(status).toMatchObject({ allowed: true, remaining: 2, retryAfterMs: 0 });
    expect(state?.windowMs).toBe(WINDOW_MS);
    expect([isFresh(block, policy, NOW_MS + BLOCK_MS - 1), isFresh(block, policy, NOW_MS + BLOCK_MS)]).toEqual([
      false,
      true,
    ]);
    expect(asOfNow(block, policy, NOW_MS + BLOCK_MS)).toEqual(asOfNow(undefined, policy, NOW_MS + BLOCK_MS));
  });

  it('passes what is forced and what costs nothing, and charges nothing', () => {
    const free = at(1_000, 0);
    expect(free.status).toMatchObject({ allowed: true, remaining: 0, resetAfterMs: 4_000, retryAfterMs: 0 });
    expect(free.state).toBe(block);
    const forced = decide(block, policy, 2, true, NOW_MS + 1_000, 9);
    expect(forced.status).toEqual(free.status);
    expect(forced.state).toBe(block);
    expect(admits(block, policy, 2, true, NOW_MS + 1_000, 9)).toBe(true);
    expect(admits(block, policy, 0, false, NOW_MS + 1_000, 9)).toBe(true);
  });

  it('tells a call beyond the capacity that it can never pass', () => {
    expect(at(1_000, 4).status).toMatchObject({ allowed: false, resetAfterMs: 4_000, retryAfterMs: null });
  });

  it('does not begin with a call that can never pass', () => {
    const { state, status } = decide(undefined, policy, 4, false, NOW_MS, 9);
    if (algorithm === 'concurrency') return expect(status.allowed).toBe(true);
    expect(status).toMatchObject({ allowed: false, remaining: 3, resetAfterMs: 0, retryAfterMs: null });
    expect(state).toBeUndefined();
  });

  it('stays when units or slots are given back', () => {
    expect(refund(block, policy, 1, NOW_MS + 1_000, undefined, undefined, 0)).toBe(block);
    expect(renew(block, policy, 0, NOW_MS + 1_000)).toBe(block);
    expect(asOfNow(block, policy, NOW_MS + 1_000)).toEqual(block);
  });

  it('lasts no longer than its length from now, after the clock stepped back', () => {
    const { state, status } = at(-1);
    expect(status).toMatchObject({ allowed: false, resetAfterMs: BLOCK_MS, retryAfterMs: BLOCK_MS });
    expect(state).toEqual({ ...block, at: NOW_MS - 1 + BLOCK_MS });
    expect(refund(block, policy, 1, NOW_MS - 1, undefined, undefined, 0)).toEqual(state);
  });

  it('lasts no longer than the policy says now', () => {
    const shorter = blocking(algorithm, 2_000);
    const { state, status } = decide(block, shorter, 1, false, NOW_MS, 9);
    expect(status).toMatchObject({ allowed: false, retryAfterMs: 2_000 });
    expect(state).toEqual({ ...block, at: NOW_MS + 2_000 });
    expect(decide(block, blocking(algorithm, 9_000), 1, false, NOW_MS + 1_000, 9).status.retryAfterMs).toBe(4_000);
  });

  it('ends with a policy that blocks no longer', () => {
    const mild = blocking(algorithm, 0);
    expect(decide(block, mild, 0, false, NOW_MS + 1_000).state).toBeUndefined();
    expect(decide(block, mild, 1, false, NOW_MS + 1_000, 9).status).toMatchObject({ allowed: true, remaining: 2 });
  });
});

describe.each(ALGORITHM_NAMES)('a %s policy with a limit of 0', (algorithm) => {
  const shut = blocking(algorithm, BLOCK_MS, 0);

  it('refuses every call for good, and counts nothing', () => {
    const { state, status } = decide(undefined, shut, 1, false, NOW_MS, 9);
    expect(state).toBeUndefined();
    expect(status).toMatchObject({ allowed: false, remaining: 0, resetAfterMs: 0, retryAfterMs: null });
    expect(status).toMatchObject({ limit: 0, nextUnitAfterMs: 0, mode: 'shadow', unit: 'bytes' });
    expect(admits(undefined, shut, 1, false, NOW_MS, 9)).toBe(false);
  });

  it('passes what is forced and what costs nothing, and charges nothing', () => {
    for (const [cost, overdraw] of [
      [0, false],
      [1, true],
    ] as const) {
      const { state, status } = decide(undefined, shut, cost, overdraw, NOW_MS, 9);
      expect([state, status.allowed, status.retryAfterMs]).toEqual([undefined, true, 0]);
      expect(admits(undefined, shut, cost, overdraw, NOW_MS, 9)).toBe(true);
    }
  });

  it('keeps what was counted before, and a block', () => {
    const charged = decide(undefined, blocking(algorithm), 1, false, NOW_MS, 9).state as CounterState;
    for (const stored of [charged, blocked(blocking(algorithm))]) {
      for (const afterMs of [-60_000, 0, 1]) {
        expect(decide(stored, shut, 1, false, NOW_MS + afterMs, 8).state).toBe(stored);
        expect(refund(stored, shut, 1, NOW_MS + afterMs, undefined, undefined, 9)).toBe(stored);
      }
    }
  });
});
