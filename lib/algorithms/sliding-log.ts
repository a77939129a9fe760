import type { Policy } from '../contracts/policy.js';
import type { Algorithm, CounterState } from './algorithm.js';

/**
 * Exact: a unit that came at t leaves at t + window. Costs memory for every unit, so it is made for small limits.
 *
 * The log has the units of the last window, oldest first, as pairs of a time and the number of units that came then.
 * States share one growing log and look at a part of it, from `rest` up to `at`: a charge appends in constant time, and
 * the states before it still see what they saw.
 */
export const slidingLog: Algorithm = {
  advance,

  isDisplaced: (stored, _policy, nowMs) => isAhead(stored, nowMs),

  admits: (stored, policy, cost, nowMs) => fits(advance(stored, policy, nowMs), policy, cost),

  decide(stored, policy, cost, forced, nowMs) {
    const { limit, windowMs } = policy;
    const before = advance(stored, policy, nowMs);
    const admitted = forced || fits(before, policy, cost);
    const state = admitted && cost > 0 ? charged(before, cost, nowMs) : before;
    return {
      admitted,
      state,
      remaining: limit - state.used,
      resetAfterMs: state.at === state.rest ? 0 : entry(state, state.at - 2) + windowMs - nowMs,
      retryAfterMs: admitted ? 0 : untilFree(state, state.used + cost - limit, nowMs),
      nextUnitAfterMs: state.used === 0 ? 0 : untilFree(state, Math.max(0, state.used - limit) + 1, nowMs),
    };
  },

  refund(state, { windowMs }, cost, _nowMs, chargedAtMs) {
    const log = part(state);
    let left = cost;
    for (let index = log.length - 2; index >= 0 && left > 0; index -= 2) {
      if (chargedAtMs !== undefined && log[index] !== chargedAtMs) continue;
      const taken = Math.min(left, log[index + 1] as number);
      log[index + 1] = (log[index + 1] as number) - taken;
      left -= taken;
    }
    const kept = log.filter((_value, index) => (log[index | 1] as number) > 0);
    return logged(windowMs, kept, 0, state.used - (cost - left));
  },
};

function advance(stored: CounterState | undefined, { windowMs }: Policy, nowMs: number): CounterState {
  if (stored === undefined) return logged(windowMs, [], 0, 0);
  const held = isAhead(stored, nowMs) ? heldBack(stored, nowMs) : stored;
  let { rest: head, used } = held;
  while (head < held.at && entry(held, head) + windowMs <= nowMs) {
    used -= entry(held, head + 1);
    head += 2;
  }
  const { at, log, windowMs: storedMs } = held;
  return head === held.rest && storedMs === windowMs ? held : { windowMs, at, used, rest: head, log };
}

const fits = ({ used }: CounterState, { limit }: Policy, cost: number): boolean => cost <= limit - used;

/** A state that looks at a log from `head` up to its end. */
const logged = (windowMs: number, log: readonly number[], head: number, used: number): CounterState => ({
  windowMs,
  at: log.length,
  used,
  rest: head,
  log,
});

const entries = ({ log }: CounterState): number[] => log as number[];

/** The number at an index that is known to lie in the part that a state looks at. */
const entry = (state: CounterState, index: number): number => entries(state)[index] as number;

/** A copy of the part of the log that a state looks at. */
const part = (state: CounterState): number[] => entries(state).slice(state.rest, state.at);

const isAhead = (state: CounterState, nowMs: number): boolean =>
  state.at > state.rest && entry(state, state.at - 2) > nowMs;

/** The same units after the clock stepped back: what lies in the future came now. */
const heldBack = (state: CounterState, nowMs: number): CounterState => {
  const log = part(state).map((value, index) => (index % 2 === 0 ? Math.min(value, nowMs) : value));
  return logged(state.windowMs, log, 0, state.used);
};

function charged(state: CounterState, cost: number, nowMs: number): CounterState {
  const units = Math.min(cost, Number.MAX_SAFE_INTEGER - state.used);
  const log = appendable(state);
  const head = log === state.log ? state.rest : 0;
  log.push(nowMs, units);
  return logged(state.windowMs, log, head, state.used + units);
}

/**
 * The log to append to: the shared one if this state is the newest that looks at it and most of it is still in use,
 * else a copy of what is. Copies at most as much as was dropped since the last copy.
 */
function appendable(state: CounterState): number[] {
  const log = entries(state);
  return state.at === log.length && state.rest * 2 <= state.at ? log : part(state);
}

/** Time until so many of the units have left. */
function untilFree(state: CounterState, units: number, nowMs: number): number {
  let lacking = units;
  for (let index = state.rest; index < state.at; index += 2) {
    lacking -= entry(state, index + 1);
    if (lacking <= 0) return entry(state, index) + state.windowMs - nowMs;
  }
  return state.windowMs;
}
