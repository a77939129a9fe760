import { toSettings } from '../../../lib/breaker/breaker.options.js';
import { countFailure, countSuccess, type Tally } from '../../../lib/breaker/trip-rules.js';
import type { TripOptions } from '../../../lib/contracts/breaker.js';

const inRow = toSettings({ trip: { kind: 'consecutive' }, failureThreshold: 3 });
const rateOf = (failureRate: number, minimumCalls: number) =>
  toSettings({ trip: { kind: 'rate', failureRate, minimumCalls, window: 1_000 } });
const rate = rateOf(0.5, 4);
const START_MS = 12_345;

/** A tally of outcomes, each at a time after the first: 1 a failure, 0 a success. */
function tallyOf(settings: typeof rate, ...outcomes: readonly (readonly [afterMs: number, failed: 0 | 1])[]): Tally {
  let tally: Tally | undefined;
  for (const [afterMs, failed] of outcomes) {
    tally = (failed === 1 ? countFailure : countSuccess)(tally, START_MS + afterMs, settings);
  }
  return tally as Tally;
}
const failuresAt = (tally: Tally, ...times: readonly number[]): number[] =>
  times.map((afterMs) => tally.failures(START_MS + afterMs));

describe('failures in a row', () => {
  it('trip at the threshold, and no sooner', () => {
    const trips = [1, 2, 3, 4].map((times) => {
      const tally = tallyOf(inRow, ...Array.from({ length: times }, () => [0, 1] as const));
      expect(tally.failures(0)).toBe(times);
      return tally.trips(0, inRow);
    });
    expect(trips).toEqual([false, false, true, true]);
  });

  it('are over with a success, which leaves nothing to remember', () => {
    expect(countSuccess(tallyOf(inRow, [0, 1]), START_MS, inRow)).toBeUndefined();
  });
});

describe('a window', () => {
  it('counts an outcome for nine tenths of its length at least, and never longer', () => {
    expect(failuresAt(tallyOf(rate, [0, 1]), 0, 999, 1_000)).toEqual([1, 1, 0]);
    expect(failuresAt(tallyOf(rate, [0, 0], [99, 1]), 999, 1_000)).toEqual([1, 0]);
    expect(failuresAt(tallyOf(rate, [0, 0], [100, 1]), 1_000, 1_099, 1_100)).toEqual([1, 1, 0]);
    expect(failuresAt(tallyOf(rate, [0, 0], [950, 1]), 1_899, 1_900)).toEqual([1, 0]);
  });

  it('forgets a tenth at a time', () => {
    const tally = tallyOf(rate, [0, 1], [50, 1], [100, 1], [250, 1]);
    expect(failuresAt(tally, 250, 999, 1_000, 1_099, 1_100, 1_199, 1_200)).toEqual([4, 4, 2, 2, 1, 1, 0]);
  });

  it('begins a tenth anew where one of ten before it was', () => {
    expect(failuresAt(tallyOf(rate, [0, 1], [50, 1], [1_000, 1]), 1_000)).toEqual([1]);
    expect(failuresAt(tallyOf(rate, [0, 1], [1_000, 0], [1_050, 1]), 1_050)).toEqual([1]);
    expect(failuresAt(tallyOf(rate, [0, 1], [5_030, 1], [5_040, 1]), 5_040, 5_999, 6_000)).toEqual([2, 2, 0]);
  });

  it('takes outcomes of one tenth together', () => {
    expect(failuresAt(tallyOf(rate, [0, 1], [99, 1], [99, 0]), 99)).toEqual([2]);
  });
});

describe('a rate', () => {
  it.each([
    [0.5, 4, [1, 1, 1], false],
    [0.5, 4, [1, 1, 0, 0], true],
    [0.5, 4, [1, 0, 0, 0], false],
    [0.5, 4, [1, 1, 0, 0, 0], false],
    [0.5, 4, [1, 1, 1, 0, 0], true],
    [1, 2, [1, 1], true],
    [1, 2, [1, 1, 0], false],
    [0.01, 1, [1], true],
    [0.01, 1, [0], false],
  ] as const)('of %s, of at least %s calls, trips after %j: %s', (failureRate, minimumCalls, outcomes, trips) => {
    const settings = rateOf(failureRate, minimumCalls);
    const tally = tallyOf(settings, ...outcomes.map((failed) => [0, failed] as const));
    expect(tally.trips(START_MS, settings)).toBe(trips);
  });

  it('is that of what has not left the window', () => {
    const tally = tallyOf(rate, [0, 1], [0, 1], [500, 0], [500, 0], [500, 0]);
    expect([tally.trips(START_MS + 999, rateOf(0.4, 5)), tally.trips(START_MS + 1_000, rateOf(0.4, 3))]).toEqual([
      true,
      false,
    ]);
  });

  it.each([
    { kind: 'rate', failureRate: 0.5, minimumCalls: 2, window: 1_000 },
    { kind: 'slow', slowCall: 5, slowRate: 0.5, minimumCalls: 2, window: 1_000 },
  ] satisfies TripOptions[])('counts on from no failures in a row, by the rule $kind', (trip) => {
    const settings = toSettings({ trip });
    const tally = countFailure(tallyOf(inRow, [0, 1], [0, 1]), START_MS, settings);
    expect([tally.failures(START_MS), tally.trips(START_MS, settings)]).toEqual([1, false]);
  });
});
