import type { CounterState } from '../../../lib/algorithms/algorithm.js';
import { slidingLog } from '../../../lib/algorithms/sliding-log.js';
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
