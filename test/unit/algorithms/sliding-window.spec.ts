import { counted, MAX_PRODUCT, type CounterState } from '../../../lib/algorithms/algorithm.js';
import { admits, decide, refund } from '../../../lib/algorithms/counter.js';
import { slidingWindow } from '../../../lib/algorithms/sliding-window.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

/** The number of a window, and its start. */
const WINDOW = 1_750_000_000;
const NOW_MS = WINDOW * 1_000;
const policy = testPolicy({ algorithm: 'sliding-window', limit: 10, windowMs: 1_000 });

/** So many units in the present window and in the one before. */
const state = (used: number, before: number, window = WINDOW): CounterState => counted(1_000, window, used, before);
const advance = (stored: CounterState | undefined, afterMs: number) =>
  slidingWindow.advance(stored, policy, NOW_MS + afterMs);
const statusOf = (stored: CounterState | undefined, afterMs: number, cost = 0) =>
  decide(stored, policy, cost, false, NOW_MS + afterMs).status;

describe('the two counters of a sliding window', () => {
  it.each([
    [999, state(4, 3)],
    [1_000, state(0, 4, WINDOW + 1)],
    [1_999, state(0, 4, WINDOW + 1)],
    [2_000, state(0, 0, WINDOW + 2)],
    [-1, state(4, 3)],
    [-1_000, state(4, 3)],
    [-1_001, state(4, 3, WINDOW - 1)],
    [-5_000, state(4, 3, WINDOW - 4)],
  ])('are moved on after %s ms', (afterMs, expected) => {
    expect(advance(state(4, 3), afterMs)).toEqual(expected);
  });

  it('stay the same object in their window, and in the next to come', () => {
    const stored = state(4, 3);
    for (const afterMs of [-1_000, 0, 999]) expect(advance(stored, afterMs)).toBe(stored);
  });

  it('are displaced by a step back beyond the window before, and by another window', () => {
    const displaced = (stored: CounterState, afterMs: number) =>
      slidingWindow.isDisplaced(stored, policy, NOW_MS + afterMs);
    expect([5_000, 0, -1_000, -1_001].map((ms) => displaced(state(4, 3), ms))).toEqual([false, false, false, true]);
    expect(displaced({ ...state(4, 3), windowMs: 999 }, 0)).toBe(true);
  });

  it('are new for a new key', () => {
    expect(advance(undefined, 5)).toEqual(state(0, 0));
  });
});

describe('what counts of the window before', () => {
  it.each([
    [0, 0],
    [1, 0],
    [99, 0],
    [100, 1],
    [101, 1],
    [900, 9],
    [999, 9],
  ])('fades, rounded up: after %s ms %s of ten units are left again', (afterMs, remaining) => {
    const stored = state(0, 10);
    expect(statusOf(stored, afterMs).remaining).toBe(remaining);
    expect(admits(stored, policy, remaining + 1, false, NOW_MS + afterMs)).toBe(false);
    if (remaining > 0) expect(admits(stored, policy, remaining, false, NOW_MS + afterMs)).toBe(true);
  });

  it('is all of it while the window is still to come', () => {
    expect(statusOf(state(2, 7), -500)).toMatchObject({ remaining: 1, resetAfterMs: 2_500 });
  });
});

describe('the times that a sliding window tells', () => {
  it.each([
    [0, 0, 0, 0],
    [0, 5, 300, 700],
    [1, 5, 300, 1_700],
    [1, 0, 300, 1_700],
    [1, 0, -300, 2_300],
  ])('with %s units, and %s before, after %s ms: full again in %s ms', (used, before, afterMs, resetAfterMs) => {
    expect(statusOf(state(used, before), afterMs).resetAfterMs).toBe(resetAfterMs);
  });

  it.each([
    [0, 10, 1, 100],
    [0, 10, 10, 1_000],
    [4, 6, 1, 167],
    [4, 6, 6, 1_000],
    [4, 6, 7, 1_250],
    [4, 6, 10, 2_000],
    [10, 0, 1, 1_100],
    [10, 0, 10, 2_000],
  ])('with %s units, and %s before, a cost of %s passes in %s ms', (used, before, cost, waitMs) => {
    const stored = state(used, before);
    expect(statusOf(stored, 0, cost)).toMatchObject({ allowed: false, retryAfterMs: waitMs });
    expect(admits(stored, policy, cost, false, NOW_MS + waitMs - 1)).toBe(false);
    expect(admits(stored, policy, cost, false, NOW_MS + waitMs)).toBe(true);
  });
});

describe('units of a sliding window that are given back', () => {
  it.each([
    [1, undefined, state(3, 3)],
    [4, undefined, state(0, 3)],
    [5, undefined, state(0, 2)],
    [9, undefined, state(0, 0)],
    [1, 0, state(3, 3)],
    [5, 999, state(0, 3)],
    [1, -1, state(4, 2)],
    [5, -1_000, state(4, 0)],
    [1, -1_001, state(4, 3)],
    [1, 1_000, state(4, 3)],
  ])('%s, of a charge after %s ms', (cost, chargedAfterMs, expected) => {
    const chargedAtMs = chargedAfterMs === undefined ? undefined : NOW_MS + chargedAfterMs;
    expect(slidingWindow.refund(state(4, 3), policy, cost, NOW_MS + 900, chargedAtMs)).toEqual(expected);
  });

  it('leave nothing to store with the last of them', () => {
    expect(refund(state(4, 0), policy, 4, NOW_MS)).toBeUndefined();
    expect(refund(state(0, 3), policy, 9, NOW_MS)).toBeUndefined();
  });
});

describe('a sliding window of another length', () => {
  it.each([
    [0, 8],
    [250, 8],
    [400, 7],
    [1_000, 5],
    [1_400, 3],
    [2_000, 0],
  ])('begins after %s ms with the %s units that count then', (afterMs, used) => {
    const other = { ...policy, windowMs: 700 };
    const window = Math.floor((NOW_MS + afterMs) / 700);
    expect(slidingWindow.advance(state(5, 3), other, NOW_MS + afterMs)).toEqual(counted(700, window, used, 0));
  });
});

describe('a sliding window of very many units', () => {
  it('counts as many as can be divided exactly', () => {
    const most = MAX_PRODUCT / 1_000;
    const huge = { ...policy, limit: Number.MAX_SAFE_INTEGER, burst: Number.MAX_SAFE_INTEGER };
    const usedAfter = (units: number) => decide(undefined, huge, units, true, NOW_MS).state?.used;
    expect(usedAfter(Math.floor(most))).toBe(Math.floor(most));
    expect(usedAfter(Math.ceil(most))).toBe(Math.floor(most));
    const month = { ...huge, windowMs: 2_592_000_000 };
    expect(decide(undefined, month, 2 ** 36, true, NOW_MS).state?.used).toBe(2 ** 35 - 1);
    const changed = slidingWindow.advance(state(2 ** 40, 0), month, NOW_MS);
    expect(changed.used).toBe(2 ** 35 - 1);
  });
});
