import { counted, type CounterState } from '../../../lib/algorithms/algorithm.js';
import { admits, decide, refund } from '../../../lib/algorithms/counter.js';
import { bordersAround, fixedWindow, kindOf, presentWindowMs, windowAt } from '../../../lib/algorithms/fixed-window.js';
import type { CalendarWindow, Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const plain = testPolicy({ algorithm: 'fixed-window', limit: 10, windowMs: 1_000 });
/** A multiple of the plain window. */
const NOW_MS = 1_750_000_000_000;

const calendar = (calendar: CalendarWindow, timeZone?: string): Policy =>
  testPolicy({
    algorithm: 'fixed-window',
    limit: 10,
    windowMs: DAY_MS,
    calendar,
    ...(timeZone === undefined ? {} : { timeZone }),
  });

const charge = (policy: Policy, cost: number, nowMs: number): CounterState =>
  decide(undefined, policy, cost, false, nowMs).state as CounterState;

describe('the windows of a policy', () => {
  it('without a calendar are multiples of its length', () => {
    expect(windowAt(plain, NOW_MS)).toEqual({ startMs: NOW_MS, endMs: NOW_MS + 1_000 });
    expect(windowAt(plain, NOW_MS + 999)).toEqual({ startMs: NOW_MS, endMs: NOW_MS + 1_000 });
    expect(bordersAround(plain, NOW_MS + 5)).toEqual([-1_000, 0, 1_000, 2_000, 3_000].map((ms) => NOW_MS + ms));
    expect([presentWindowMs(plain, NOW_MS), kindOf(plain)]).toEqual([1_000, 0]);
  });

  it('with a calendar are those of UTC, unless it has a time zone', () => {
    const noon = Date.UTC(2026, 2, 29, 12);
    expect(windowAt(calendar('calendar-day'), noon).startMs).toBe(Date.UTC(2026, 2, 29));
    expect(windowAt(calendar('calendar-day', 'Europe/Berlin'), noon).startMs).toBe(Date.UTC(2026, 2, 28, 23));
  });

  it('are as long as the day is', () => {
    const berlin = calendar('calendar-day', 'Europe/Berlin');
    const noon = Date.UTC(2026, 2, 29, 12);
    expect([-1, 0, 1].map((days) => presentWindowMs(berlin, noon + days * DAY_MS) / HOUR_MS)).toEqual([24, 23, 24]);
    const startMs = Date.UTC(2026, 2, 28, 23);
    expect(bordersAround(berlin, noon)).toEqual([-24, 0, 23, 47, 71].map((hours) => startMs + hours * HOUR_MS));
  });

  it.each([
    ['calendar-day', 1],
    ['calendar-week', 2],
    ['calendar-month', 3],
  ] as const)('of a %s are remembered as kind %s', (window, kind) => {
    expect(kindOf(calendar(window))).toBe(kind);
    expect(charge(calendar(window), 1, NOW_MS).rest).toBe(kind);
  });
});

describe('a calendar window', () => {
  const berlin = calendar('calendar-day', 'Europe/Berlin');
  const midnight = Date.UTC(2026, 5, 14, 22);
  const stored = charge(berlin, 10, midnight - 1_000);

  it('keeps its units until the day ends', () => {
    expect(decide(stored, berlin, 1, false, midnight - 1).status).toMatchObject({
      allowed: false,
      windowMs: DAY_MS,
      remaining: 0,
      resetAfterMs: 1,
      retryAfterMs: 1,
      nextUnitAfterMs: 1,
    });
    expect(admits(stored, berlin, 10, false, midnight)).toBe(true);
    expect(decide(stored, berlin, 1, false, midnight).status).toMatchObject({ allowed: true, remaining: 9 });
  });

  it('stays as it is while nothing is charged', () => {
    for (const nowMs of [midnight - DAY_MS, midnight - DAY_MS - 1, midnight - 1, midnight, midnight + DAY_MS]) {
      expect(decide(stored, berlin, 0, false, nowMs).state).toBe(stored);
    }
  });

  it('hands its units on to the windows of another calendar, and to those without', () => {
    for (const other of [calendar('calendar-week', 'Europe/Berlin'), { ...plain, windowMs: DAY_MS }]) {
      const { state, status } = decide(stored, other, 0, false, midnight - 1_000);
      const { startMs, endMs } = windowAt(other, midnight - 1_000);
      expect(status.remaining).toBe(0);
      expect(state).toEqual(counted(endMs - startMs, endMs, 10, kindOf(other)));
    }
    expect(decide(charge(plain, 4, NOW_MS), berlin, 0, false, NOW_MS + 1).status.remaining).toBe(6);
  });

  it('hands its units on to the present window of another time zone, or to the next if they lie beyond', () => {
    const tokyo = calendar('calendar-day', 'Asia/Tokyo');
    const nowMs = midnight - 1_000;
    const present = windowAt(tokyo, nowMs);
    expect(present.startMs).toBeLessThan(nowMs);
    expect(decide(stored, tokyo, 0, false, nowMs).state).toEqual(counted(DAY_MS, present.endMs, 10, 1));
    const back = decide(stored, tokyo, 0, false, nowMs - 3 * DAY_MS);
    expect(back.state).toEqual(counted(DAY_MS, windowAt(tokyo, nowMs - 2 * DAY_MS).endMs, 10, 1));
    expect(back.status.remaining).toBe(0);
  });
});

describe('a state of a calendar', () => {
  const stored = (window: CalendarWindow, nowMs: number): CounterState => charge(calendar(window), 4, nowMs);
  const sunday = Date.UTC(2026, 5, 14, 12);

  it('is of another kind, even where two windows end together', () => {
    const day = stored('calendar-day', sunday);
    expect(fixedWindow.isDisplaced(day, calendar('calendar-day'), sunday)).toBe(false);
    for (const other of [calendar('calendar-week'), { ...plain, windowMs: DAY_MS }]) {
      expect(fixedWindow.isDisplaced(day, other, sunday)).toBe(true);
      expect(decide(day, other, 0, false, sunday).state).toMatchObject({ at: day.at, used: 4, rest: kindOf(other) });
    }
  });

  it('is the same object as long as its window lasts, whatever its length is', () => {
    const month = stored('calendar-month', sunday);
    expect(fixedWindow.advance(month, calendar('calendar-month'), sunday + DAY_MS)).toBe(month);
    expect(fixedWindow.isDisplaced(month, calendar('calendar-month'), sunday)).toBe(false);
  });
});

describe('a window, after the clock stepped back,', () => {
  const stored = charge(plain, 4, NOW_MS);

  it('stays if it is the next one', () => {
    for (const backMs of [0, 1, 1_000]) {
      const { state, status } = decide(stored, plain, 0, false, NOW_MS - backMs);
      expect(state).toBe(stored);
      expect(fixedWindow.advance(stored, plain, NOW_MS - backMs)).toBe(stored);
      expect(fixedWindow.isDisplaced(stored, plain, NOW_MS - backMs)).toBe(false);
      expect(status).toMatchObject({ remaining: 6, resetAfterMs: 1_000 + backMs });
    }
  });

  it('becomes the next one if it is later', () => {
    const { state, status } = decide(stored, plain, 0, false, NOW_MS - 1_001);
    expect(state).toEqual({ ...stored, at: NOW_MS });
    expect(status).toMatchObject({ remaining: 6, resetAfterMs: 1_001 });
    expect(fixedWindow.isDisplaced(stored, plain, NOW_MS - 1_001)).toBe(true);
  });
});

describe('units of a window that are given back', () => {
  const stored = charge(plain, 4, NOW_MS + 500);
  const left = (chargedAtMs?: number, cost = 1) => {
    const state = refund(stored, plain, cost, NOW_MS + 900, chargedAtMs);
    return decide(state, plain, 0, false, NOW_MS + 900).status.remaining;
  };

  it.each([
    [undefined, 7],
    [-1, 6],
    [0, 7],
    [500, 7],
    [999, 7],
    [1_000, 6],
  ])('count if they were charged in it: after %s ms, %s are left', (chargedAfterMs, remaining) => {
    expect(left(chargedAfterMs === undefined ? undefined : NOW_MS + chargedAfterMs)).toBe(remaining);
  });

  it('are at most those that were taken', () => {
    expect([left(undefined, 3), left(undefined, 4), left(undefined, 5)]).toEqual([9, 10, 10]);
    expect(refund(stored, plain, 3, NOW_MS + 900)).toEqual({ ...stored, used: 1 });
    expect(refund(stored, plain, 4, NOW_MS + 900)).toBeUndefined();
  });
});

it('a window counts no more than integers hold', () => {
  const most = Number.MAX_SAFE_INTEGER;
  const huge = { ...plain, limit: most, burst: most };
  const once = decide(undefined, huge, most, true, NOW_MS);
  const twice = decide(once.state, huge, most, true, NOW_MS);
  expect([once.state?.used, twice.state?.used]).toEqual([most, most]);
});
