import { slidingLog, type SlidingLogState } from '../../../lib/algorithms/sliding-log.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

const START_MS = Date.UTC(2026, 0, 1);

describe('the list of a sliding log', () => {
  it('is copied once in as many calls as it is long, and else appended to', () => {
    const limit = 10_000;
    const policy = testPolicy({ algorithm: 'sliding-log', limit, windowMs: limit });
    let state: SlidingLogState = slidingLog.advance(undefined, policy, START_MS);
    let copies = 0;
    let longest = 0;
    for (let call = 0; call < 5 * limit; call += 1) {
      state = slidingLog.advance(state, policy, START_MS + call);
      const { entries } = state;
      state = slidingLog.charge(state, policy, 1, START_MS + call);
      if (state.entries !== entries) copies += 1;
      longest = Math.max(longest, state.entries.length);
    }
    expect(state.used).toBe(limit);
    expect(copies).toBeLessThanOrEqual(5);
    expect(longest).toBeLessThanOrEqual(4 * limit + 2);
  });

  it('is not changed for a state that has seen less of it', () => {
    const policy = testPolicy({ algorithm: 'sliding-log', limit: 10, windowMs: 1000 });
    const empty = slidingLog.advance(undefined, policy, START_MS);
    const one = slidingLog.charge(empty, policy, 1, START_MS);
    const three = slidingLog.charge(one, policy, 2, START_MS + 1);
    const five = slidingLog.charge(one, policy, 4, START_MS + 2);
    expect([one, three, five].map((state) => slidingLog.remaining(state, policy, START_MS + 2))).toEqual([9, 7, 5]);
    expect([one, three, five].map((state) => slidingLog.resetAfterMs(state, policy, START_MS + 2))).toEqual([
      998, 999, 1000,
    ]);
  });
});
