import { toSettings } from '../../../lib/breaker/breaker.options.js';
import { countFailure, sameTally } from '../../../lib/breaker/trip-rules.js';
import type { TripOptions } from '../../../lib/contracts/breaker.js';

const inRow: TripOptions = { kind: 'consecutive' };
const rate: TripOptions = { kind: 'rate', failureRate: 0.5, minimumCalls: 1, window: 1_000 };
const stricter: TripOptions = { ...rate, failureRate: 0.2 };
const wider: TripOptions = { ...rate, window: 2_000 };
const slow: TripOptions = { kind: 'slow', slowCall: 10, slowRate: 0.5, minimumCalls: 1, window: 1_000 };

it.each([
  { before: inRow, after: inRow, same: true },
  { before: inRow, after: rate, same: false },
  { before: rate, after: inRow, same: false },
  { before: rate, after: stricter, same: true },
  { before: rate, after: wider, same: false },
  { before: rate, after: slow, same: false },
  { before: slow, after: slow, same: true },
])('from $before.kind to $after.kind what was counted means the same: $same', ({ before, after, same }) => {
  expect(sameTally(toSettings({ trip: before }), toSettings({ trip: after }))).toBe(same);
});

it('a window trips by no rule that counts failures in a row', () => {
  const tally = countFailure(undefined, 0, toSettings({ trip: rate }));
  expect(tally.trips(0, toSettings({ trip: rate }))).toBe(true);
  expect(tally.trips(0, toSettings({ trip: inRow, failureThreshold: 1 }))).toBe(false);
});
