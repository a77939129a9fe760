import type { Policy } from '../../../../lib/contracts/policy.js';
import { type Told, UnitHolding } from '../../../../lib/limiter/unit-holding.js';
import { lowering } from '../../../../lib/limiter/unit-returns.js';
import { leasedPolicy } from './prepaid-store.js';

const STORE_MS = 1_000_000;
const WINDOW_MS = 60_000;

/** A status of a store: 10 s before the end of a window, unless told otherwise. */
function told({ remaining = 90, resetAfterMs = 10_000, nowMs = STORE_MS, sentMs = 0 } = {}): Told {
  const status = { name: 'leased', limit: 150, windowMs: WINDOW_MS, allowed: true, remaining, resetAfterMs };
  return { status: { ...status, retryAfterMs: 0, mode: 'enforce' }, nowMs, sentMs };
}

/** What a process holds after a call of cost 1 that debited 9 units in addition, at 0 ms of the process's clock. */
function holding(lease: Policy['lease'] = 10, given: Parameters<typeof told>[0] = {}): UnitHolding {
  const one = new UnitHolding('k', leasedPolicy({ ...(lease !== undefined && { lease }) }));
  one.charged(1, 9, told(given));
  return one;
}

const WINDOW_UNTIL_MS = 9_999;
const WINDOW_END_MS = STORE_MS + 10_000;
const WINDOW_START_MS = WINDOW_END_MS - WINDOW_MS;

it('holds nothing at first, and is of no window', () => {
  const one = new UnitHolding('k', leasedPolicy());
  expect([one.isBusy, one.held, one.spent, one.chargedAtMs, one.windowEndMs]).toEqual([false, 0, 0, 0, 0]);
  expect([one.has(0, 0), one.isStale(0), one.isOver(0), one.empty(0)]).toEqual([false, false, true, 0]);
});

describe('held units', () => {
  it('are handed out and put back, and counted as spent meanwhile', () => {
    const one = holding();
    expect([one.held, one.spent, one.chargedAtMs, one.windowEndMs]).toEqual([9, 1, STORE_MS, WINDOW_END_MS]);
    one.take(4);
    expect([one.held, one.spent]).toEqual([5, 5]);
    one.putBack(4, one);
    expect([one.held, one.spent]).toEqual([9, 1]);
    one.putBack(4, { generation: 1, windowEndMs: one.windowEndMs });
    one.putBack(4, { generation: 0, windowEndMs: one.windowEndMs + 1 });
    expect([one.held, one.spent]).toEqual([9, 1]);
  });

  it('are handed out for a second, which a call without more of them does not prolong', () => {
    const one = holding();
    expect([one.has(9, 999), one.has(10, 999), one.has(1, 1_000)]).toEqual([true, false, false]);
    one.charged(1, 0, told({ sentMs: 900 }));
    expect([one.has(1, 999), one.has(1, 1_000), one.isStale(999), one.isStale(1_000)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    one.charged(1, 1, told({ sentMs: 900 }));
    expect([one.has(10, 1_899), one.has(10, 1_900)]).toEqual([true, false]);
  });

  it.each([
    [WINDOW_UNTIL_MS + 99, 9],
    [WINDOW_UNTIL_MS + 100, 0],
  ])('are given back until shortly after their window: at %d ms: %d', (nowMs, expected) => {
    const one = holding();
    expect(one.empty(nowMs)).toBe(expected);
    expect([one.held, one.isBusy]).toEqual([0, false]);
  });

  it('are dropped by what voids them', () => {
    const one = holding();
    one.void();
    expect([one.held, one.spent, one.generation]).toEqual([0, 0, 1]);
  });

  it('are void while the store is asked to lower its counter, and afterwards', async () => {
    const one = holding();
    let during: unknown;
    await lowering([one], async () => {
      during = [one.lowering, one.held, one.generation];
      one.held = 5;
      expect(one.isOver(WINDOW_UNTIL_MS)).toBe(false);
    });
    expect(during).toEqual([1, 0, 1]);
    expect([one.lowering, one.held, one.generation]).toEqual([0, 0, 2]);
    const failing = lowering([one], () => Promise.reject(new Error('down')));
    await expect(failing).rejects.toThrow('down');
    expect([one.lowering, one.generation]).toEqual([0, 4]);
  });
});

describe('a window', () => {
  it('is over at its end, unless something is in flight', () => {
    const one = holding();
    expect([one.isOver(WINDOW_UNTIL_MS - 1), one.isOver(WINDOW_UNTIL_MS)]).toEqual([false, true]);
    one.debiting = Promise.resolve();
    expect(one.isOver(WINDOW_UNTIL_MS)).toBe(false);
  });

  it('that is new voids what was held in the one before', () => {
    const one = holding();
    one.learn(told({ nowMs: WINDOW_END_MS, resetAfterMs: WINDOW_MS }));
    expect([one.held, one.spent, one.windowEndMs]).toEqual([0, 0, WINDOW_END_MS + WINDOW_MS]);
  });

  it.each([
    ['is ignored while this one lasts', WINDOW_UNTIL_MS - 1, 9, WINDOW_END_MS],
    ['is taken for the present one afterwards', WINDOW_UNTIL_MS, 0, WINDOW_END_MS - 5_000],
  ])('that is older %s', (_what, sentMs, held, windowEndMs) => {
    const one = holding();
    one.learn(told({ resetAfterMs: 5_000, sentMs }));
    expect([one.held, one.windowEndMs]).toEqual([held, windowEndMs]);
  });
});

describe('what is debited in advance', () => {
  it.each([
    ['the size, less the cost and what is held', { remaining: 90 }, 2, 5, 3],
    ['what is left, if that is less', { remaining: 6 }, 2, 1, 3],
    ['nothing, if enough is held', { remaining: 90 }, 2, 9, 0],
    ['the size in a new window, whatever was left in the old one', { remaining: 0 }, 2, 0, 8, WINDOW_UNTIL_MS],
    ['what is left in the last millisecond', { remaining: 4 }, 2, 0, 2, WINDOW_UNTIL_MS - 1],
  ])('is %s', (_what, given, cost, held, expected, nowMs = 500) => {
    const one = holding(10, given);
    one.held = held;
    expect(one.inAdvance(cost, nowMs)).toBe(expected);
  });

  it('grows with calls that follow soon, and lessens with others: auto', () => {
    const one = holding('auto', { remaining: 16 * 50 });
    one.held = 0;
    const ask = (cost: number, passedMs: number, held = 0): number => {
      one.held = held;
      one.askedMs = 500 - passedMs;
      return one.inAdvance(cost, 500);
    };
    expect(ask(3, 100)).toBe(0);
    expect(ask(3, 99)).toBe(6 - 3);
    expect(ask(3, 99)).toBe(12 - 3);
    expect(ask(3, 99, 4)).toBe(24 - 3 - 4);
    expect(ask(3, 200)).toBe(12 - 3);
    expect(ask(1, 100)).toBe(12 - 1);
    expect([ask(1, 0), ask(1, 0), ask(1, 0)]).toEqual([24 - 1, 48 - 1, 50 - 1]);
  });
});

describe('a refund', () => {
  const at = (chargedAtMs: number | undefined, nowMs = 500, cost = 3) => ({ cost, chargedAtMs, nowMs });

  it.each([
    ['of this window', WINDOW_START_MS, { kept: 3, beyond: 0 }],
    ['of its last millisecond', WINDOW_END_MS - 1, { kept: 3, beyond: 0 }],
    ['of nobody knows when', undefined, { kept: 3, beyond: 0 }],
    ['of a window before', WINDOW_START_MS - 1, { kept: 0, beyond: 0 }],
    ['of a window that follows', WINDOW_END_MS, { kept: 0, beyond: 3 }],
  ])('%s is held as far as this process charged it', (_what, chargedAtMs, expected) => {
    const one = holding();
    one.take(9);
    expect(one.takeBack(at(chargedAtMs))).toEqual(expected);
    expect([one.held, one.spent]).toEqual([expected.kept, 10 - expected.kept]);
  });

  it.each([
    ['is not held when units are no longer handed out', 1_000, { kept: 0, beyond: 0 }, 7],
    ['is not that of this process in the last millisecond', WINDOW_UNTIL_MS - 1, { kept: 0, beyond: 0 }, 7],
    ['is beyond what this process charged after the window', WINDOW_UNTIL_MS, { kept: 0, beyond: 3 }, 10],
  ])('%s', (_what, nowMs, expected, spent) => {
    const one = holding();
    one.take(9);
    expect(one.takeBack(at(undefined, nowMs))).toEqual(expected);
    expect(one.spent).toBe(spent);
  });

  it.each<[string, Policy['lease'], number, number, number]>([
    ['the size', 10, 8, 20, 2],
    ['what was spent', 10, 2, 20, 8],
    ['the size of auto', 'auto', 1, 20, 7],
  ])('has room for %s at most', (_what, lease, held, cost, expected) => {
    const one = holding(lease, { remaining: 16 * 50 });
    one.askedMs = 0;
    one.inAdvance(4, 50);
    one.spent = 8;
    one.held = held;
    expect(one.roomFor({ cost, chargedAtMs: undefined, nowMs: 500 })).toBe(expected);
  });

  it('pays off a debt first', () => {
    const one = holding(10, { remaining: 0 });
    one.take(9);
    expect(one.roomFor(at(undefined))).toBe(0);
  });
});

describe('a status of held units', () => {
  it('tells the time of the store, and what is left with them', () => {
    const one = holding();
    const { status, nowMs } = one.status(250.7);
    expect(nowMs).toBe(STORE_MS + 250);
    const resetAfterMs = 9_750;
    expect(status).toMatchObject({
      allowed: true,
      remaining: 99,
      resetAfterMs,
      retryAfterMs: 0,
      nextUnitAfterMs: resetAfterMs,
    });
  });

  it('counts them only in their window, and up to the limit', () => {
    const one = holding();
    expect([one.remaining(5, WINDOW_UNTIL_MS - 1), one.remaining(5, WINDOW_UNTIL_MS)]).toEqual([14, 5]);
    expect(one.remaining(145, 0)).toBe(150);
  });
});
