import type { Policy } from '../contracts/policy.js';
import { counted, type Algorithm, type CounterState } from './algorithm.js';

/** Minimum retry time of a refused call, ms: nobody can know when a slot becomes free. */
const LEAST_WAIT_MS = 1_000;

/** The slots of a key: each has a name and an end, in the list `log`. */
interface Slots extends Algorithm {
  /** Starts the lease of a held slot again; a lost slot stays lost. */
  renew(state: CounterState, policy: Policy, slot: number, nowMs: number): CounterState;
}

/**
 * A number of calls at the same time. Each holds a slot until it gives the slot back or its lease (`windowMs`) ends.
 *
 * A charge of cost 1 takes the slot that it names. If that slot is held, its lease starts again, so a repeated call has
 * one slot.
 */
export const concurrency: Slots = {
  advance,

  isDisplaced: (stored, { windowMs }, nowMs) => stored.at > nowMs + windowMs,

  admits: (stored, policy, _cost, nowMs, slot) => fits(advance(stored, policy, nowMs), policy, slot),

  decide(stored, policy, cost, forced, nowMs, slot) {
    const before = advance(stored, policy, nowMs);
    const admitted = forced || fits(before, policy, slot);
    const state = admitted && cost > 0 ? taking(before, policy, slot, nowMs) : before;
    return {
      admitted,
      state,
      remaining: policy.limit - state.used,
      resetAfterMs: state.used === 0 ? 0 : state.at - nowMs,
      nextUnitAfterMs: state.used === 0 ? 0 : Math.max(LEAST_WAIT_MS, firstEnd(state) - nowMs),
      retryAfterMs: admitted ? 0 : Math.max(LEAST_WAIT_MS, firstEnd(state) - nowMs),
    };
  },

  refund(state, { windowMs }, _cost, _nowMs, _chargedAtMs, _owed, slot) {
    return isHeld(state, slot) ? holding(windowMs, without(state, slot)) : state;
  },

  renew: (state, policy, slot, nowMs) => (isHeld(state, slot) ? taking(state, policy, slot, nowMs) : state),
};

/** Pairs of a slot's name and the time at which its lease ends. */
const pairs = ({ log = [] }: CounterState): readonly number[] => log;

function advance(stored: CounterState | undefined, { windowMs }: Policy, nowMs: number): CounterState {
  if (stored === undefined) return counted(windowMs, nowMs, 0, 0);
  const log = pairs(stored);
  const live: number[] = [];
  let changed = false;
  for (let index = 0; index < log.length; index += 2) {
    const endMs = log[index + 1] as number;
    // No lease is longer than one that starts now, because the clock may have stepped back, or the policy changed.
    const boundMs = Math.min(endMs, nowMs + windowMs);
    if (endMs > nowMs) live.push(log[index] as number, boundMs);
    if (endMs <= nowMs || boundMs !== endMs) changed = true;
  }
  return changed ? holding(windowMs, live) : stored;
}

const fits = (state: CounterState, { limit }: Policy, slot: number | undefined): boolean =>
  state.used < limit || isHeld(state, slot);

const isHeld = (state: CounterState, slot: number | undefined): boolean =>
  pairs(state).some((value, index) => index % 2 === 0 && value === slot);

const without = (state: CounterState, slot: number | undefined): number[] =>
  pairs(state).filter((_value, index, log) => log[index - (index % 2)] !== slot);

function taking(state: CounterState, { windowMs }: Policy, slot: number | undefined, nowMs: number): CounterState {
  if (slot === undefined) throw new TypeError('A charge of a concurrency policy names the slot that it takes.');
  return holding(windowMs, [...without(state, slot), slot, nowMs + windowMs]);
}

function holding(windowMs: number, log: readonly number[]): CounterState {
  const latest = log.reduce((latest, value, index) => (index % 2 === 1 ? Math.max(latest, value) : latest), 0);
  return { windowMs, at: latest, used: log.length / 2, rest: 0, log };
}

const firstEnd = (state: CounterState): number =>
  pairs(state).reduce((first, value, index) => (index % 2 === 1 ? Math.min(first, value) : first), Infinity);
