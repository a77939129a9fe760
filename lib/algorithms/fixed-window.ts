import type { Policy } from '../contracts/policy.js';
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
    if (state.window === window) return state;
    // A window that is still to come was counted before the clock stepped back: its units count here.
    return { windowMs, window, used: state.window > window ? state.used : 0 };
  },

  isAhead: (state, _policy, nowMs) => state.window > Math.floor(nowMs / state.windowMs),

  admits: (state, policy, cost) => cost <= policy.limit - state.used,

  retryAfterMs: (_state, policy, _cost, nowMs) => untilNextWindow(policy, nowMs),

  charge: (state, _policy, cost) => used(state, Math.min(state.used + cost, Number.MAX_SAFE_INTEGER)),

  refund(state, policy, cost, _nowMs, chargedAtMs) {
    const counts = chargedAtMs === undefined || Math.floor(chargedAtMs / policy.windowMs) === state.window;
    return counts ? used(state, Math.max(0, state.used - cost)) : state;
  },

  remaining: (state, policy) => policy.limit - state.used,

  resetAfterMs: (state, policy, nowMs) => (state.used === 0 ? 0 : untilNextWindow(policy, nowMs)),
};

const used = ({ windowMs, window }: FixedWindowState, units: number): FixedWindowState => ({
  windowMs,
  window,
  used: units,
});

const untilNextWindow = ({ windowMs }: Policy, nowMs: number): number => windowMs - (nowMs % windowMs);

/** What a window of another length hands on: its units, while it lasts. */
const carried = (state: FixedWindowState, nowMs: number): number =>
  Math.floor(nowMs / state.windowMs) <= state.window ? state.used : 0;
