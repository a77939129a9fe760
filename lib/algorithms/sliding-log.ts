import type { Algorithm } from './algorithm.js';

/**
 * The units of the last window, oldest first, as pairs of a time and the number of units that came then.
 *
 * States share one growing list and look at a part of it, `[head, tail)`: a charge appends in constant time, and the
 * states before it still see what they saw.
 */
export interface SlidingLogState {
  readonly entries: readonly number[];
  readonly head: number;
  readonly tail: number;
  /** Units between head and tail. */
  readonly used: number;
}

/** Exact: a unit that came at t leaves at t + window. Costs memory for every unit, so it is made for small limits. */
export const slidingLog: Algorithm<SlidingLogState> = {
  advance(state, { windowMs }, nowMs) {
    if (state === undefined) return { entries: [], head: 0, tail: 0, used: 0 };
    const log = isAhead(state, nowMs) ? heldBack(state, nowMs) : state;
    let { head, used } = log;
    while (head < log.tail && at(log, head) + windowMs <= nowMs) {
      used -= at(log, head + 1);
      head += 2;
    }
    return head === log.head ? log : { entries: log.entries, head, tail: log.tail, used };
  },

  isDisplaced: (state, _policy, nowMs) => isAhead(state, nowMs),

  admits: (state, { limit }, cost) => cost <= limit - state.used,

  retryAfterMs(state, { limit, windowMs }, cost, nowMs) {
    let lacking = state.used + cost - limit;
    for (let index = state.head; index < state.tail; index += 2) {
      lacking -= at(state, index + 1);
      if (lacking <= 0) return at(state, index) + windowMs - nowMs;
    }
    return windowMs;
  },

  charge(state, _policy, cost, nowMs) {
    const units = Math.min(cost, Number.MAX_SAFE_INTEGER - state.used);
    const entries = appendable(state);
    const head = entries === state.entries ? state.head : 0;
    entries.push(nowMs, units);
    return { entries, head, tail: entries.length, used: state.used + units };
  },

  refund(state, _policy, cost, _nowMs, chargedAtMs) {
    const entries = state.entries.slice(state.head, state.tail);
    let left = cost;
    for (let index = entries.length - 2; index >= 0 && left > 0; index -= 2) {
      if (chargedAtMs !== undefined && entries[index] !== chargedAtMs) continue;
      const taken = Math.min(left, entries[index + 1] as number);
      entries[index + 1] = (entries[index + 1] as number) - taken;
      left -= taken;
    }
    const kept = entries.filter((_value, index) => (entries[index | 1] as number) > 0);
    return { entries: kept, head: 0, tail: kept.length, used: state.used - (cost - left) };
  },

  remaining: (state, { limit }) => limit - state.used,

  resetAfterMs: (state, { windowMs }, nowMs) =>
    state.tail === state.head ? 0 : at(state, state.tail - 2) + windowMs - nowMs,
};

/** The number at an index that is known to lie between head and tail. */
const at = ({ entries }: SlidingLogState, index: number): number => entries[index] as number;

const isAhead = (state: SlidingLogState, nowMs: number): boolean =>
  state.tail > state.head && at(state, state.tail - 2) > nowMs;

/** The same units after the clock stepped back: what lies in the future came now. */
function heldBack(state: SlidingLogState, nowMs: number): SlidingLogState {
  const entries = state.entries
    .slice(state.head, state.tail)
    .map((value, index) => (index % 2 === 0 ? Math.min(value, nowMs) : value));
  return { entries, head: 0, tail: entries.length, used: state.used };
}

/**
 * The list to append to: the shared one if this state is the newest that looks at it and most of it is still in use,
 * else a copy of what is. Copies at most as much as was dropped since the last copy.
 */
function appendable({ entries, head, tail }: SlidingLogState): number[] {
  return tail === entries.length && head * 2 <= tail ? (entries as number[]) : entries.slice(head, tail);
}
