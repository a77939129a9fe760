import type { Policy } from '../contracts/policy.js';
import { counted, MAX_PRODUCT, type Algorithm, type CounterState } from './algorithm.js';
import { ceilOf, floorOf, mostUnits } from './quotient.js';

/**
 * Two counters: the previous window counts in proportion to how much of it a window that ends now still covers.
 *
 * A call passes if `previous x (1 - elapsed / window) + current + cost <= limit`. All terms but the first are integers, so
 * that one may as well be rounded up.
 */
export const slidingWindow: Algorithm = {
  advance,

  isDisplaced: (stored, { windowMs }, nowMs) =>
    stored.windowMs !== windowMs || stored.at > Math.floor(nowMs / windowMs) + 1,

  admits(stored, policy, cost, nowMs) {
    const state = advance(stored, policy, nowMs);
    return fits(state, fading(state, nowMs), policy, cost);
  },

  decide(stored, policy, cost, forced, nowMs) {
    const { limit, windowMs } = policy;
    const before = advance(stored, policy, nowMs);
    const older = fading(before, nowMs);
    const admitted = forced || fits(before, older, policy, cost);
    const state = admitted && cost > 0 ? charged(before, cost) : before;
    const { at, used: current, rest: previous } = state;
    const untilNextMs = (at + 1) * windowMs - nowMs;
    const counting = current + older;
    return {
      admitted,
      state,
      remaining: limit - counting,
      resetAfterMs: current > 0 ? untilNextMs + windowMs : previous > 0 ? untilNextMs : 0,
      retryAfterMs: admitted ? 0 : untilFree(state, limit - cost, untilNextMs),
      nextUnitAfterMs: counting === 0 ? 0 : untilFree(state, (counting < limit ? counting : limit) - 1, untilNextMs),
    };
  },

  refund(state, _policy, cost, _nowMs, chargedAtMs) {
    const { windowMs, at, used: current, rest: previous } = state;
    if (chargedAtMs === undefined) {
      const older = Math.max(0, cost - current);
      return counted(windowMs, at, Math.max(0, current - cost), Math.max(0, previous - older));
    }
    const age = at - Math.floor(chargedAtMs / windowMs);
    if (age === 0) return counted(windowMs, at, Math.max(0, current - cost), previous);
    return age === 1 ? counted(windowMs, at, current, Math.max(0, previous - cost)) : state;
  },
};

function advance(stored: CounterState | undefined, { windowMs }: Policy, nowMs: number): CounterState {
  const window = Math.floor(nowMs / windowMs);
  if (stored === undefined) return counted(windowMs, window, 0, 0);
  return stored.windowMs === windowMs
    ? rolled(stored, window)
    : counted(windowMs, window, carried(stored, windowMs, nowMs), 0);
}

/** The state in another window of the same grid. */
function rolled(state: CounterState, window: number): CounterState {
  const { windowMs, at, used: current, rest: previous } = state;
  if (window - at > 1) return counted(windowMs, window, 0, 0);
  if (window - at === 1) return counted(windowMs, window, 0, current);
  // A clock that stepped back may cross the border again at once: a window to come counts, and fades when it has passed.
  return at <= window + 1 ? state : counted(windowMs, window + 1, current, previous);
}

/** What counts of a state whose window had another length, as units of the current window. */
function carried(stored: CounterState, toMs: number, nowMs: number): number {
  const then = rolled(stored, Math.floor(nowMs / stored.windowMs));
  return Math.min(then.used + fading(then, nowMs), mostUnits(toMs));
}

function charged({ windowMs, at, used, rest }: CounterState, cost: number): CounterState {
  const units = used + cost;
  return counted(windowMs, at, units * windowMs <= MAX_PRODUCT ? units : Math.min(units, mostUnits(windowMs)), rest);
}

/** Time until no more units count than these, which are fewer than count now. */
function untilFree(
  { windowMs, used: current, rest: previous }: CounterState,
  units: number,
  untilNextMs: number,
): number {
  // Either the previous window fades enough, or the current one has to become the previous one and fade.
  return units >= current
    ? untilNextMs - floorOf(units - current, windowMs, previous)
    : untilNextMs + windowMs - floorOf(units, windowMs, current);
}

/** What counts of the previous window, in units, rounded up: all of it while the current one is still to come. */
const fading = ({ windowMs, at, rest: previous }: CounterState, nowMs: number): number =>
  ceilOf(previous, Math.min(windowMs, (at + 1) * windowMs - nowMs), windowMs);

const fits = ({ used }: CounterState, older: number, { limit }: Policy, cost: number): boolean =>
  older <= limit - used - cost;
