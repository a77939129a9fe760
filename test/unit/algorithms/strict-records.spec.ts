import type { CounterState } from '../../../lib/algorithms/algorithm.js';
import { decide, refund } from '../../../lib/algorithms/counter.js';
import { strictWindow } from '../../../lib/algorithms/strict-window.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

/** A multiple of 100, the sub-window of a hundred units in 5,900 ms. */
const NOW_MS = 1_750_000_000_000;
const exact = testPolicy({ algorithm: 'strict-window', limit: 60, windowMs: 1_000 });
const coarse = testPolicy({ algorithm: 'strict-window', limit: 61, windowMs: 5_900 });

/** The state after charges, each so many units so many ms after `NOW_MS`. */
function charged(policy = exact, ...charges: readonly (readonly [afterMs: number, units: number])[]): CounterState {
  let stored: CounterState | undefined;
  for (const [afterMs, units] of charges) stored = decide(stored, policy, units, true, NOW_MS + afterMs).state;
  return stored as CounterState;
}

/** All records of a state, as times after `NOW_MS` and units. */
const recordsOf = ({ at, rest, log = [] }: CounterState): (readonly [afterMs: number, units: number])[] =>
  [...log, at, rest].flatMap((value, index, all) => (index % 2 === 0 ? [[value - NOW_MS, all[index + 1]!]] : []));

describe('the records of a strict window', () => {
  it('are one for each millisecond, up to a limit of 60', () => {
    const state = charged(exact, [0, 1], [0, 2], [1, 3], [2, 4]);
    expect([recordsOf(state), state.used]).toEqual([
      [
        [0, 3],
        [1, 3],
        [2, 4],
      ],
      10,
    ]);
  });

  it('are one for each sub-window above, at the time of its last unit', () => {
    const state = charged(coarse, [0, 1], [99, 2], [100, 3], [150, 1], [200, 4]);
    expect(recordsOf(state)).toEqual([
      [99, 3],
      [150, 4],
      [200, 4],
    ]);
  });

  it('leave one by one, each a window after its time', () => {
    const state = charged(exact, [0, 1], [1, 2], [2, 4]);
    const used = [999, 1_000, 1_001, 1_002].map((afterMs) => strictWindow.advance(state, exact, NOW_MS + afterMs).used);
    expect(used).toEqual([7, 6, 4, 0]);
    expect(recordsOf(strictWindow.advance(state, exact, NOW_MS + 1_000))).toEqual([
      [1, 2],
      [2, 4],
    ]);
    expect(strictWindow.advance(state, exact, NOW_MS + 1_001)).toMatchObject({ at: NOW_MS + 2, log: undefined });
  });

  it('stay the same object while none leaves and nothing is charged', () => {
    const state = charged(exact, [0, 1], [1, 2]);
    expect(strictWindow.advance(state, exact, NOW_MS + 999)).toBe(state);
    expect(decide(state, exact, 0, false, NOW_MS + 1_000).state).toBe(state);
  });

  it('are at most sixty: after overdrafts at more times, units join the newest', () => {
    const many = Array.from({ length: 62 }, (_, index) => [index, 1] as const);
    const state = charged(exact, ...many);
    expect(recordsOf(state)).toHaveLength(60);
    expect(recordsOf(state).at(-1)).toEqual([61, 3]);
    expect(state.used).toBe(62);
  });

  it('are of one time after the clock stepped back, and have a window to go from there', () => {
    const state = charged(exact, [0, 1], [10, 2], [20, 4]);
    const back = strictWindow.advance(state, exact, NOW_MS + 5);
    expect([recordsOf(back), back.used]).toEqual([
      [
        [0, 1],
        [5, 6],
      ],
      7,
    ]);
    expect([19, 20, 21].map((ms) => strictWindow.isDisplaced(state, exact, NOW_MS + ms))).toEqual([true, false, false]);
  });

  it('follow another window at once', () => {
    const state = charged(exact, [0, 1], [10, 2]);
    const shorter = { ...exact, windowMs: 500 };
    expect(strictWindow.advance(state, shorter, NOW_MS + 505)).toEqual({
      windowMs: 500,
      at: NOW_MS + 10,
      used: 2,
      rest: 2,
      log: undefined,
    });
    expect(strictWindow.advance(state, { ...exact, windowMs: 2_000 }, NOW_MS + 1_009)).toEqual({
      ...state,
      windowMs: 2_000,
    });
  });

  it('are no list while there is but one', () => {
    const one = charged(exact, [0, 1]);
    expect(one).toEqual({ windowMs: 1_000, at: NOW_MS, used: 1, rest: 1, log: undefined });
    const two = charged(exact, [0, 1], [1, 2]);
    expect(refund(two, exact, 2, NOW_MS + 2)).toEqual(one);
    expect(two.log).toEqual([NOW_MS, 1]);
  });

  it('hold no more units than integers do', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const state = charged(exact, [0, most], [1, 5], [2, 5]);
    expect([state.used, recordsOf(state)]).toEqual([most, [[2, most]]]);
  });
});

describe('a refusal of a strict window', () => {
  const state = charged(exact, [0, 10], [1, 20], [2, 30]);

  it.each([
    [1, 1_000],
    [10, 1_000],
    [11, 1_001],
    [30, 1_001],
    [31, 1_002],
    [60, 1_002],
  ])('of %s units ends after %s ms, when as many have left', (cost, waitMs) => {
    const { status } = decide(state, exact, cost, false, NOW_MS + 2);
    expect(status).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: waitMs - 2, resetAfterMs: 1_000 });
  });
});

describe('units of a strict window that are given back', () => {
  const giveBack = (state: CounterState, cost: number, chargedAfterMs?: number, policy = exact, afterMs = 900) =>
    refund(
      state,
      policy,
      cost,
      NOW_MS + afterMs,
      chargedAfterMs === undefined ? undefined : NOW_MS + chargedAfterMs,
    ) as CounterState;

  it('are the newest, without a time', () => {
    const state = charged(exact, [0, 1], [1, 2], [2, 4]);
    expect(recordsOf(giveBack(state, 5))).toEqual([
      [0, 1],
      [1, 1],
    ]);
    expect(giveBack(state, 5).used).toBe(2);
    expect(giveBack(state, 7)).toBeUndefined();
  });

  it('are those of their time', () => {
    const state = charged(exact, [0, 1], [1, 2], [2, 4]);
    expect(recordsOf(giveBack(state, 5, 1))).toEqual([
      [0, 1],
      [2, 4],
    ]);
    expect(giveBack(state, 1, 3)).toEqual(state);
    expect(giveBack(state, 1, -1)).toEqual(state);
  });

  it('are found by their time, however many units another record has', () => {
    const state = charged(exact, [0, 2 ** 50], [10, 1], [20, 1]);
    expect(recordsOf(giveBack(state, 1, 10))).toEqual([
      [0, 2 ** 50],
      [20, 1],
    ]);
  });

  it.each([
    [10, 3],
    [99, 3],
    [100, 4],
    [150, 4],
  ])('are those of the sub-window of a time %s ms after its start, which had %s', (chargedAfterMs, had) => {
    const state = charged(coarse, [10, 1], [99, 2], [150, 4], [250, 8]);
    expect(giveBack(state, 1, chargedAfterMs, coarse).used).toBe(14);
    expect(giveBack(state, 9, chargedAfterMs, coarse).used).toBe(15 - had);
  });

  it('are none if their charge no longer counts, even where its record does', () => {
    const state = charged(coarse, [10, 1], [99, 2]);
    expect(giveBack(state, 1, 10, coarse, 5_909).used).toBe(2);
    expect(giveBack(state, 1, 10, coarse, 5_910).used).toBe(3);
  });
});
