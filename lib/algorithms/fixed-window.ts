import type { Algorithm } from './algorithm.js';

/** Units used in one window of the epoch's grid. */
export interface FixedWindowState {
  readonly windowMs: number;
  /** Number of the window since the epoch: its start divided by its length. */
  readonly window: number;
  readonly used: number;
}

/** One counter for each window; windows are aligned to the epoch, so that all processes share their borders. */
export const fixedWindow: Algorithm<FixedWindowState> = {
  advance(state, { windowMs }, nowMs) {
    const window = Math.floor(nowMs / windowMs);
    if (state === undefined) return { windowMs, window, used: 0 };
    if (state.windowMs !== windowMs) return { windowMs, window, used: carried(state, nowMs) };
    if (state.window < window) return { windowMs, window, used: 0 };
    // A clock that stepped back may cross the border again at once: units of a window to come stay until it has passed.
    return state.window <= window + 1 ? state : { windowMs, window: window + 1, used: state.used };
  },

  isDisplaced: (state, { windowMs }, nowMs) =>
    state.windowMs !== windowMs || state.window > Math.floor(nowMs / windowMs) + 1,

  admits: (state, policy, cost) => cost <= policy.limit - state.used,

  retryAfterMs: (state, _policy, _cost, nowMs) => untilNextWindow(state, nowMs),

  charge: (state, _policy, cost) => used(state, Math.min(state.used + cost, Number.MAX_SAFE_INTEGER)),

  refund(state, policy, cost, _nowMs, chargedAtMs) {
    const counts = chargedAtMs === undefined || Math.floor(chargedAtMs / policy.windowMs) === state.window;
    return counts ? used(state, Math.max(0, state.used - cost)) : state;
  },

  remaining: (state, policy) => policy.limit - state.used,

  resetAfterMs: (state, _policy, nowMs) => (state.used === 0 ? 0 : untilNextWindow(state, nowMs)),
};

const used = ({ windowMs, window }: FixedWindowState, units: number): FixedWindowState => ({
  windowMs,
  window,
  used: units,
});

const untilNextWindow = ({ windowMs, window }: FixedWindowState, nowMs: number): number =>
  (window + 1) * windowMs - nowMs;

/** What a window of another length hands on: its units, while it lasts. */
const carried = (state: FixedWindowState, nowMs: number): number =>
  Math.floor(nowMs / state.windowMs) <= state.window ? state.used : 0;
