import type { Policy } from '../contracts/policy.js';
import { counted, type Algorithm, type CounterState } from './algorithm.js';

/** One counter for each window; windows are aligned to the epoch, so that all processes share their borders. */
export const fixedWindow: Algorithm = {
  advance,

  isDisplaced: (stored, { windowMs }, nowMs) =>
    stored.windowMs !== windowMs || stored.at > Math.floor(nowMs / windowMs) + 1,

  admits: (stored, policy, cost, nowMs) => fits(advance(stored, policy, nowMs), policy, cost),

  decide(stored, policy, cost, forced, nowMs) {
    const { limit, windowMs } = policy;
    const before = advance(stored, policy, nowMs);
    const admitted = forced || fits(before, policy, cost);
    const state = admitted && cost > 0 ? using(before, Math.min(before.used + cost, Number.MAX_SAFE_INTEGER)) : before;
    const untilNextMs = (state.at + 1) * windowMs - nowMs;
    const resetAfterMs = state.used === 0 ? 0 : untilNextMs;
    return {
      admitted,
      state,
      remaining: limit - state.used,
      resetAfterMs,
      retryAfterMs: admitted ? 0 : untilNextMs,
      nextUnitAfterMs: resetAfterMs,
    };
  },

  refund(state, { windowMs }, cost, _nowMs, chargedAtMs) {
    const counts = chargedAtMs === undefined || Math.floor(chargedAtMs / windowMs) === state.at;
    return counts ? using(state, Math.max(0, state.used - cost)) : state;
  },
};

function advance(stored: CounterState | undefined, { windowMs }: Policy, nowMs: number): CounterState {
  const window = Math.floor(nowMs / windowMs);
  if (stored === undefined) return counted(windowMs, window, 0, 0);
  if (stored.windowMs !== windowMs) return counted(windowMs, window, carried(stored, nowMs), 0);
  if (stored.at < window) return counted(windowMs, window, 0, 0);
  // A clock that stepped back may cross the border again at once: units of a window to come stay until it has passed.
  return stored.at <= window + 1 ? stored : counted(windowMs, window + 1, stored.used, 0);
}

const fits = ({ used }: CounterState, { limit }: Policy, cost: number): boolean => cost <= limit - used;

const using = ({ windowMs, at }: CounterState, used: number): CounterState => counted(windowMs, at, used, 0);

/** What a window of another length hands on: its units, while it lasts. */
const carried = ({ windowMs, at, used }: CounterState, nowMs: number): number =>
  Math.floor(nowMs / windowMs) <= at ? used : 0;
