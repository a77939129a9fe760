import type { CounterState } from '../../../lib/algorithms/algorithm.js';
import { concurrency } from '../../../lib/algorithms/concurrency.js';
import { decide, isFresh, refund } from '../../../lib/algorithms/counter.js';
import { fixedWindow } from '../../../lib/algorithms/fixed-window.js';
import { slidingLog } from '../../../lib/algorithms/sliding-log.js';
import { slidingWindow } from '../../../lib/algorithms/sliding-window.js';
import { strictWindow } from '../../../lib/algorithms/strict-window.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

/** The start of a window. */
const NOW_MS = 1_750_000_000_000;

describe.each([
  ['fixed-window', fixedWindow],
  ['sliding-window', slidingWindow],
  ['sliding-log', slidingLog],
  ['strict-window', strictWindow],
  ['concurrency', concurrency],
] as const)('a state of %s', (name, algorithm) => {
  const policy = testPolicy({ algorithm: name, limit: 2, windowMs: 1_000 });
  const stored = decide(undefined, policy, 1, false, NOW_MS, 7).state as CounterState;

  it('is the same object while nothing changes it', () => {
    for (const afterMs of [0, 1, 999]) {
      expect(algorithm.advance(stored, policy, NOW_MS + afterMs)).toBe(stored);
      for (const forced of [false, true]) {
        expect(algorithm.decide(stored, policy, 0, forced, NOW_MS + afterMs).state).toBe(stored);
      }
    }
    const full = decide(stored, policy, 1, false, NOW_MS, 8).state as CounterState;
    expect(algorithm.decide(full, policy, 1, false, NOW_MS + 1, 9).state).toBe(full);
  });

  it('is up to date in its window', () => {
    for (const afterMs of [0, 1, 999, 1_000, 5_000]) {
      expect(algorithm.isDisplaced(stored, policy, NOW_MS + afterMs)).toBe(false);
    }
    expect(algorithm.isDisplaced(stored, policy, NOW_MS - 60_000)).toBe(true);
  });
});

describe.each(['fixed-window', 'sliding-window', 'token-bucket', 'sliding-log', 'strict-window'] as const)(
  'a counter of %s',
  (algorithm) => {
    const policy = testPolicy({ algorithm, limit: 2, windowMs: 1_000 });
    const stored = decide(undefined, policy, 1, false, NOW_MS).state as CounterState;

    it('stays as it is if no unit is given back', () => {
      expect(refund(stored, policy, 0, NOW_MS + 1)).toBe(stored);
    });

    it('is fresh once all of it is back', () => {
      const { resetAfterMs } = decide(stored, policy, 0, false, NOW_MS).status;
      expect([resetAfterMs - 1, resetAfterMs].map((ms) => isFresh(stored, policy, NOW_MS + ms))).toEqual([false, true]);
    });
  },
);
