import type { Policy } from '../contracts/policy.js';
import { MAX_PRODUCT, type Algorithm } from './algorithm.js';

/** Units used in the current window of the epoch's grid and in the one before. */
export interface SlidingWindowState {
  readonly windowMs: number;
  /** Number of the current window since the epoch. */
  readonly window: number;
  readonly previous: number;
  readonly current: number;
}

/**
 * Two counters: the previous window counts in proportion to how much of it a window that ends now still covers.
 *
 * A call passes if `previous x (1 - elapsed / window) + current + cost <= limit`; here multiplied by the window, so
 * that all terms are integers.
 */
export const slidingWindow: Algorithm<SlidingWindowState> = {
  advance(state, policy, nowMs) {
    const { windowMs } = policy;
    const window = Math.floor(nowMs / windowMs);
    if (state === undefined) return { windowMs, window, previous: 0, current: 0 };
    if (state.windowMs !== windowMs) return { windowMs, window, previous: 0, current: carried(state, policy, nowMs) };
    return rolled(state, window);
  },

  isDisplaced: (state, { windowMs }, nowMs) =>
    state.windowMs !== windowMs || state.window > Math.floor(nowMs / windowMs) + 1,

  admits(state, { limit, windowMs }, cost, nowMs) {
    const free = limit - state.current - cost;
    return free >= 0 && state.previous * covered(state, nowMs) <= free * windowMs;
  },

  retryAfterMs(state, { limit, windowMs }, cost, nowMs) {
    const untilNext = untilNextWindow(state, nowMs);
    const free = limit - state.current - cost;
    // Either the previous window fades enough, or the current one has to become the previous one and fade.
    return free >= 0
      ? untilNext - Math.floor((free * windowMs) / state.previous)
      : untilNext + windowMs - Math.floor(((limit - cost) * windowMs) / state.current);
  },

  charge(state, { windowMs }, cost) {
    const most = Math.floor(MAX_PRODUCT / windowMs);
    return counted(state, state.previous, Math.min(state.current + cost, most));
  },

  refund(state, { windowMs }, cost, _nowMs, chargedAtMs) {
    if (chargedAtMs === undefined) {
      const older = Math.max(0, cost - state.current);
      return counted(state, Math.max(0, state.previous - older), Math.max(0, state.current - cost));
    }
    const age = state.window - Math.floor(chargedAtMs / windowMs);
    if (age === 0) return counted(state, state.previous, Math.max(0, state.current - cost));
    return age === 1 ? counted(state, Math.max(0, state.previous - cost), state.current) : state;
  },

  remaining: (state, { limit }, nowMs) => limit - used(state, nowMs),

  resetAfterMs(state, { windowMs }, nowMs) {
    if (state.current > 0) return untilNextWindow(state, nowMs) + windowMs;
    return state.previous > 0 ? untilNextWindow(state, nowMs) : 0;
  },
};

const untilNextWindow = ({ windowMs, window }: SlidingWindowState, nowMs: number): number =>
  (window + 1) * windowMs - nowMs;

/** How much of the previous window still counts: all of it while the current one is still to come. */
const covered = (state: SlidingWindowState, nowMs: number): number =>
  Math.min(state.windowMs, untilNextWindow(state, nowMs));

/** Units that count, rounded up. */
const used = (state: SlidingWindowState, nowMs: number): number =>
  Math.ceil((state.previous * covered(state, nowMs)) / state.windowMs) + state.current;

const counted = ({ windowMs, window }: SlidingWindowState, previous: number, current: number): SlidingWindowState => ({
  windowMs,
  window,
  previous,
  current,
});

/** The state in another window of the same grid. */
function rolled(state: SlidingWindowState, window: number): SlidingWindowState {
  const { windowMs, previous, current } = state;
  if (window - state.window > 1) return { windowMs, window, previous: 0, current: 0 };
  if (window - state.window === 1) return { windowMs, window, previous: current, current: 0 };
  // A clock that stepped back may cross the border again at once: a window to come counts, and fades when it has passed.
  return state.window <= window + 1 ? state : { windowMs, window: window + 1, previous, current };
}

/** What counts of a state whose window had another length, as units of the current window. */
function carried(state: SlidingWindowState, policy: Policy, nowMs: number): number {
  const then = rolled(state, Math.floor(nowMs / state.windowMs));
  return Math.min(used(then, nowMs), Math.floor(MAX_PRODUCT / policy.windowMs));
}
