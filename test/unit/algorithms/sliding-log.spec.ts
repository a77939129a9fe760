import { counted, type CounterState } from '../../../lib/algorithms/algorithm.js';
import { decide, refund } from '../../../lib/algorithms/counter.js';
import { compact, slidingLog } from '../../../lib/algorithms/sliding-log.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

const START_MS = Date.UTC(2026, 0, 1);

const charge = (stored: CounterState | undefined, policy: Policy, cost: number, nowMs: number): CounterState =>
  slidingLog.decide(stored, policy, cost, true, nowMs).state;

describe('the list of a sliding log', () => {
  it('is copied once in as many calls as it is long, and else appended to', () => {
    const limit = 10_000;
    const policy = testPolicy({ algorithm: 'sliding-log', limit, windowMs: limit });
    let state = charge(undefined, policy, 1, START_MS);
    let copies = 0;
    let longest = 0;
    for (let call = 1; call < 5 * limit; call += 1) {
      const { log } = state;
      state = charge(state, policy, 1, START_MS + call);
      if (state.log !== log) copies += 1;
      longest = Math.max(longest, state.log?.length ?? Infinity);
    }
    expect(state.used).toBe(limit);
    expect(copies).toBeLessThanOrEqual(5);
    expect(longest).toBeLessThanOrEqual(4 * limit + 2);
  });

  it('is not changed for a state that has seen less of it', () => {
    const policy = testPolicy({ algorithm: 'sliding-log', limit: 10, windowMs: 1000 });
    const one = charge(undefined, policy, 1, START_MS);
    const three = charge(one, policy, 2, START_MS + 1);
    const five = charge(one, policy, 4, START_MS + 2);
    const seen = [one, three, five].map((state) => slidingLog.decide(state, policy, 0, true, START_MS + 2));
    expect(seen.map(({ remaining }) => remaining)).toEqual([9, 7, 5]);
    expect(seen.map(({ resetAfterMs }) => resetAfterMs)).toEqual([998, 999, 1000]);
  });
});

describe('the units of a sliding log', () => {
  const policy = testPolicy({ algorithm: 'sliding-log', limit: 10, windowMs: 1_000 });
  /** One unit at 0, two at 10, four at 20. */
  const logged = (): CounterState => {
    let state = charge(undefined, policy, 1, START_MS);
    for (const [afterMs, cost] of [
      [10, 2],
      [20, 4],
    ] as const) {
      state = charge(state, policy, cost, START_MS + afterMs);
    }
    return state;
  };
  const visible = (state: CounterState) =>
    compact(state).log?.map((value, index) => (index % 2 === 0 ? value - START_MS : value));

  it('leave one window after their time', () => {
    const state = logged();
    const used = [999, 1_000, 1_009, 1_010, 1_020].map((ms) => slidingLog.advance(state, policy, START_MS + ms).used);
    expect(used).toEqual([7, 6, 6, 4, 0]);
    expect(visible(slidingLog.advance(state, policy, START_MS + 1_000))).toEqual([10, 2, 20, 4]);
    expect(slidingLog.advance(state, policy, START_MS + 999)).toBe(state);
    expect(decide(state, policy, 0, false, START_MS + 1_000).state).toBe(state);
  });

  it('all leave sooner under a shorter window', () => {
    const shorter = { ...policy, windowMs: 500 };
    expect(slidingLog.advance(logged(), shorter, START_MS + 510)).toMatchObject({ windowMs: 500, used: 4 });
    expect(slidingLog.advance(logged(), { ...policy, windowMs: 2_000 }, START_MS + 1_999)).toMatchObject({ used: 7 });
  });

  it.each([
    [1, 0],
    [3, 0],
    [4, 980],
    [5, 990],
    [6, 990],
    [7, 1_000],
    [10, 1_000],
  ])('make room for %s more in %s ms', (cost, waitMs) => {
    const { status } = decide(logged(), policy, cost, false, START_MS + 20);
    expect(status).toMatchObject({ allowed: waitMs === 0, retryAfterMs: waitMs, resetAfterMs: 1_000 });
  });

  it('come together at the time of the clock, if it stepped back behind them', () => {
    const back = slidingLog.advance(logged(), policy, START_MS + 5);
    expect([visible(back), back.used]).toEqual([[0, 1, 5, 6], 7]);
    const displaced = [19, 20, 21].map((ms) => slidingLog.isDisplaced(logged(), policy, START_MS + ms));
    expect(displaced).toEqual([true, false, false]);
    for (const empty of [
      slidingLog.advance(undefined, policy, 0),
      slidingLog.advance(logged(), policy, START_MS + 5_000),
    ]) {
      expect(slidingLog.isDisplaced(empty, policy, START_MS)).toBe(false);
    }
  });

  it.each([
    [1, undefined, [0, 1, 10, 2, 20, 3]],
    [5, undefined, [0, 1, 10, 1]],
    [9, 10, [0, 1, 20, 4]],
    [1, 15, [0, 1, 10, 2, 20, 4]],
  ])('are given back: %s of a charge at %s leave %j', (cost, afterMs, left) => {
    const chargedAtMs = afterMs === undefined ? undefined : START_MS + afterMs;
    const state = refund(logged(), policy, cost, START_MS + 30, chargedAtMs) as CounterState;
    expect(visible(state)).toEqual(left);
    expect(state.used).toBe(left.reduce((sum, value, index) => (index % 2 === 1 ? sum + value : sum), 0));
  });

  it('leave nothing to store if all are given back', () => {
    expect(refund(logged(), policy, 7, START_MS + 30)).toBeUndefined();
  });

  it('are no more than integers hold', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const state = charge(charge(undefined, policy, most, START_MS), policy, 5, START_MS + 1);
    expect([state.used, visible(state)]).toEqual([most, [0, most, 1, 0]]);
  });
});

describe('a compact state', () => {
  it('has a log of its own, of what counts', () => {
    const policy = testPolicy({ algorithm: 'sliding-log', limit: 10, windowMs: 1_000 });
    const one = charge(undefined, policy, 1, START_MS);
    const two = charge(one, policy, 2, START_MS + 500);
    const later = slidingLog.advance(two, policy, START_MS + 1_000);
    expect(compact(later)).toEqual({ windowMs: 1_000, at: 2, used: 2, rest: 0, log: [START_MS + 500, 2] });
    expect(compact(one)).toEqual({ windowMs: 1_000, at: 2, used: 1, rest: 0, log: [START_MS, 1] });
    expect(compact(later).log).not.toBe(later.log);
  });

  it('is the same if it has no log', () => {
    const block = counted(0, START_MS, 0, 0);
    expect(compact(block)).toBe(block);
  });
});
