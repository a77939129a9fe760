import type { Policy } from '../contracts/policy.js';
import { counted, type Algorithm, type CounterState } from './algorithm.js';
import { heldBack, takeUnits, type Records } from './records.js';

/** Maximum number of records for any limit. Up to this limit, each unit can have its own record. */
const MAX_RECORDS = 60;

/** Number of sub-windows: any interval of a window's length touches at most `MAX_RECORDS` of them. */
const SUB_WINDOWS = MAX_RECORDS - 1;

/**
 * Never more than the limit in any interval of the window's length, with bounded memory.
 *
 * It is a log in which the units of one sub-window share a record, and leave together, one window after the last of
 * them. So a unit counts at most one sub-window too long. For limits up to `MAX_RECORDS` a sub-window is a millisecond,
 * so the log is exact.
 *
 * The newest record is in the state itself (`at`, `rest`). Earlier records are in `log`, which never changes.
 */
export const strictWindow: Algorithm = {
  advance,

  isDisplaced: (stored, _policy, nowMs) => stored.at > nowMs,

  admits: (stored, policy, cost, nowMs) => fits(advance(stored, policy, nowMs), policy, cost),

  decide(stored, policy, cost, forced, nowMs) {
    const { limit, windowMs } = policy;
    const before = advance(stored, policy, nowMs);
    const admitted = forced || fits(before, policy, cost);
    const state = admitted && cost > 0 ? charged(before, policy, cost, nowMs) : before;
    return {
      admitted,
      state,
      remaining: limit - state.used,
      resetAfterMs: state.used === 0 ? 0 : state.at + windowMs - nowMs,
      nextUnitAfterMs:
        state.used === 0 ? 0 : lastToLeave(state, Math.max(0, state.used - limit) + 1) + windowMs - nowMs,
      retryAfterMs: admitted ? 0 : lastToLeave(state, state.used - (limit - cost)) + windowMs - nowMs,
    };
  },

  refund(state, policy, cost, nowMs, chargedAtMs) {
    const records = recordsOf(state);
    const cameMs = chargedAtMs === undefined ? undefined : holderOf(records, policy, nowMs, chargedAtMs);
    const { left, taken } = takeUnits(records, cost, cameMs);
    return recorded(policy.windowMs, left, state.used - taken, nowMs);
  },
};

function advance(stored: CounterState | undefined, policy: Policy, nowMs: number): CounterState {
  const { windowMs } = policy;
  if (stored === undefined || stored.at + windowMs <= nowMs) return counted(windowMs, nowMs, 0, 0);
  if (stored.at > nowMs) {
    const held = heldBack(recordsOf(stored), nowMs);
    return advance(recorded(windowMs, held, stored.used, nowMs), policy, nowMs);
  }
  const { at, used, rest, log } = stored;
  let head = 0;
  let gone = 0;
  while (log !== undefined && head < log.length && (log[head] as number) + windowMs <= nowMs) {
    gone += log[head + 1] as number;
    head += 2;
  }
  if (head === 0 && stored.windowMs === windowMs) return stored;
  return { windowMs, at, used: used - gone, rest, log: head === log?.length ? undefined : log?.slice(head) };
}

const fits = ({ used }: CounterState, { limit }: Policy, cost: number): boolean => cost <= limit - used;

/** All records of a state: without units, one that holds none. */
const recordsOf = ({ at, rest, log = [] }: CounterState): Records => [...log, at, rest];

/** The state of some records, of which the newest is no younger than now. */
function recorded(windowMs: number, records: Records, used: number, nowMs: number): CounterState {
  const older = records.slice(0, -2);
  const [at = nowMs, rest = 0] = records.slice(-2);
  return { windowMs, at, used, rest, log: older.length === 0 ? undefined : older };
}

function charged(state: CounterState, policy: Policy, cost: number, nowMs: number): CounterState {
  const { at, rest, log } = state;
  const { windowMs } = policy;
  const units = Math.min(cost, Number.MAX_SAFE_INTEGER - state.used);
  const used = state.used + units;
  // Overdrafts and changes of the policy can leave more records than sub-windows. Then new units join the newest
  // record.
  const isFull = units === 0 || (log?.length ?? 0) >= 2 * (MAX_RECORDS - 1);
  if (isFull || isTogether(at, nowMs, policy)) return { windowMs, at: nowMs, used, rest: rest + units, log };
  return { windowMs, at: nowMs, used, rest: units, log: recordsOf(state) };
}

/** Whether two times lie in one sub-window. */
function isTogether(one: number, other: number, { limit, windowMs }: Policy): boolean {
  if (limit <= MAX_RECORDS) return one === other;
  const subWindowMs = Math.ceil(windowMs / SUB_WINDOWS);
  return Math.floor(one / subWindowMs) === Math.floor(other / subWindowMs);
}

/** The time of the record in which a charge lies, if it still counts. */
function holderOf(records: Records, policy: Policy, nowMs: number, chargedAtMs: number): number {
  const holder = records.find((value, index) => index % 2 === 0 && value >= chargedAtMs);
  const counts = chargedAtMs + policy.windowMs > nowMs;
  return counts && holder !== undefined && isTogether(holder, chargedAtMs, policy) ? holder : Number.NaN;
}

/** The time of the last record that leaves until this number of units has left. */
function lastToLeave({ at, log = [] }: CounterState, units: number): number {
  let lacking = units;
  for (let index = 0; index < log.length; index += 2) {
    lacking -= log[index + 1] as number;
    if (lacking <= 0) return log[index] as number;
  }
  return at;
}
