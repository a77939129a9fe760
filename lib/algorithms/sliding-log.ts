import type { Policy } from '../contracts/policy.js';
import type { Algorithm, CounterState } from './algorithm.js';
import { heldBack, takeUnits } from './records.js';

/**
 * Exact: a unit of time t leaves at t + window. It needs memory for every unit, so use it for small limits.
 *
 * The log contains the units of the last window, oldest first, as pairs of a time and the number of its units. States
 * share one growing log and use a part of it, from `rest` up to `at`. A charge appends in constant time, and earlier
 * states do not change.
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
      retryAfterMs: admitted ? 0 : untilFree(state, state.used - (limit - cost), nowMs),
      nextUnitAfterMs: state.used === 0 ? 0 : untilFree(state, Math.max(0, state.used - limit) + 1, nowMs),
    };
  },

  refund(state, { windowMs }, cost, _nowMs, chargedAtMs) {
    const { left, taken } = takeUnits(part(state), cost, chargedAtMs);
    return logged(windowMs, left, 0, state.used - taken);
  },
};

function advance(stored: CounterState | undefined, { windowMs }: Policy, nowMs: number): CounterState {
  if (stored === undefined) return logged(windowMs, [], 0, 0);
  const { windowMs: countedMs, used: units } = stored;
  const held = isAhead(stored, nowMs) ? logged(countedMs, heldBack(part(stored), nowMs), 0, units) : stored;
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

/** The same state with a log of its own, for a store that keeps it as text; a block has no log, and stays as it is. */
export const compact = (state: CounterState): CounterState =>
  state.log === undefined ? state : logged(state.windowMs, part(state), 0, state.used);

/** The number at an index that is known to lie in the part that a state looks at. */
const entry = (state: CounterState, index: number): number => entries(state)[index] as number;

/** A copy of the part of the log that a state looks at. */
const part = (state: CounterState): number[] => entries(state).slice(state.rest, state.at);

const isAhead = (state: CounterState, nowMs: number): boolean =>
  state.at > state.rest && entry(state, state.at - 2) > nowMs;

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

/** Time until this number of units has left. */
function untilFree(state: CounterState, units: number, nowMs: number): number {
  let lacking = units;
  for (let index = state.rest; index < state.at; index += 2) {
    lacking -= entry(state, index + 1);
    if (lacking <= 0) return entry(state, index) + state.windowMs - nowMs;
  }
  return state.windowMs;
}
