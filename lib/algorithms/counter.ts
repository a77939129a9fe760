import type { PolicyStatus } from '../contracts/decision.js';
import type { Policy } from '../contracts/policy.js';
import { concurrency } from './concurrency.js';
import { type Algorithm, type CounterState, type Verdict } from './algorithm.js';
import { blockedUntil, blockLeft, counting, isBlock, isDisplacedBlock, uncounted } from './block.js';
import { fixedWindow, presentWindowMs } from './fixed-window.js';
import { slidingLog } from './sliding-log.js';
import { slidingWindow } from './sliding-window.js';
import { strictWindow } from './strict-window.js';
import { tokenBucket } from './token-bucket.js';

/** The result of a call for a counter. */
export interface Outcome {
  /** The state to store: the same object if nothing changed; `undefined`: no state. */
  readonly state: CounterState | undefined;
  readonly status: PolicyStatus;
}

/**
 * Decides on a call by one policy, and charges it. A call that costs nothing always passes, and only reports.
 *
 * A stored state that is neither charged nor blocked stays the same, unless it is out of date: the clock stepped back,
 * or the policy's window or rate changed.
 *
 * @param overdraw the call passes even if the quota is not enough
 */
export function decide(
  stored: CounterState | undefined,
  policy: Policy,
  cost: number,
  overdraw: boolean,
  nowMs: number,
  slot?: number,
): Outcome {
  const forced = overdraw || cost === 0;
  const blockedForMs = blockLeft(stored, policy, nowMs);
  if (blockedForMs > 0 || policy.limit === 0) return decideUncounted(stored, policy, cost, forced, blockedForMs, nowMs);
  // A separate call for each algorithm, all in one function: then V8 compiles it together with the algorithms. With
  // smaller functions, V8 reaches its inlining limit, which costs a fifth of the time of a decision in memory.
  const state = counting(stored);
  let verdict: Verdict;
  switch (policy.algorithm) {
    case 'fixed-window':
      verdict = fixedWindow.decide(state, policy, cost, forced, nowMs);
      break;
    case 'sliding-window':
      verdict = slidingWindow.decide(state, policy, cost, forced, nowMs);
      break;
    case 'token-bucket':
      verdict = tokenBucket.decide(state, policy, cost, forced, nowMs);
      break;
    case 'strict-window':
      verdict = strictWindow.decide(state, policy, cost, forced, nowMs);
      break;
    case 'concurrency':
      verdict = concurrency.decide(state, policy, cost, forced, nowMs, slot);
      break;
    default:
      policy.algorithm satisfies 'sliding-log';
      verdict = slidingLog.decide(state, policy, cost, forced, nowMs);
  }
  const { name, limit, mode, unit } = policy;
  const windowMs = presentWindowMs(policy, nowMs);
  const { admitted, resetAfterMs, nextUnitAfterMs } = verdict;
  const remaining = verdict.remaining > 0 ? verdict.remaining : 0;
  if (admitted) {
    return {
      state: cost > 0 ? verdict.state : kept(stored, verdict, policy, nowMs),
      status: {
        name,
        limit,
        windowMs,
        allowed: true,
        remaining,
        resetAfterMs,
        retryAfterMs: 0,
        nextUnitAfterMs,
        mode,
        unit,
      },
    };
  }
  const retryAfterMs = canNeverPass(policy, cost) ? null : verdict.retryAfterMs;
  if (retryAfterMs !== null && policy.blockForMs > 0) return blocked(policy, nowMs);
  return {
    state: kept(stored, verdict, policy, nowMs),
    status: {
      name,
      limit,
      windowMs,
      allowed: false,
      remaining,
      resetAfterMs,
      retryAfterMs,
      nextUnitAfterMs,
      mode,
      unit,
    },
  };
}

/** Whether `decide` lets a call pass. */
export function admits(
  stored: CounterState | undefined,
  policy: Policy,
  cost: number,
  overdraw: boolean,
  nowMs: number,
  slot?: number,
): boolean {
  if (overdraw || cost === 0) return true;
  if (policy.limit === 0 || blockLeft(stored, policy, nowMs) > 0) return false;
  return algorithmOf(policy).admits(counting(stored), policy, cost, nowMs, slot);
}

/**
 * Gives units back. A block stays, and a limit of 0 has no units.
 *
 * @returns the state to store, as in an outcome
 */
export function refund(
  stored: CounterState,
  policy: Policy,
  cost: number,
  nowMs: number,
  chargedAtMs?: number,
  owed?: number,
  slot?: number,
): CounterState | undefined {
  const before = asOfNow(stored, policy, nowMs);
  const counts = cost > 0 && policy.limit > 0 && !isBlock(before);
  const state = counts ? algorithmOf(policy).refund(before, policy, cost, nowMs, chargedAtMs, owed, slot) : before;
  return changedTo(state, before, stored, policy, nowMs);
}

/**
 * Starts the lease of a slot again, if it is still held.
 *
 * @returns the state to store, as in an outcome
 */
export function renew(
  stored: CounterState,
  policy: Policy,
  slot: number | undefined,
  nowMs: number,
): CounterState | undefined {
  const before = asOfNow(stored, policy, nowMs);
  const isSlot = policy.algorithm === 'concurrency' && slot !== undefined && policy.limit > 0;
  const state = isSlot ? concurrency.renew(before, policy, slot, nowMs) : before;
  return changedTo(state, before, stored, policy, nowMs);
}

/** The state to store after a change without a decision. */
function changedTo(
  state: CounterState,
  before: CounterState,
  stored: CounterState,
  policy: Policy,
  nowMs: number,
): CounterState | undefined {
  // A call that costs nothing reports how long the state must be stored.
  const { resetAfterMs } = decide(state, policy, 0, false, nowMs).status;
  if (state === before) return kept(stored, { state, resetAfterMs }, policy, nowMs);
  return resetAfterMs === 0 ? undefined : state;
}

/** The current form of a stored state. An ended block is forgotten, and the key has a fresh quota. */
export function asOfNow(stored: CounterState | undefined, policy: Policy, nowMs: number): CounterState {
  const blockedForMs = blockLeft(stored, policy, nowMs);
  return blockedForMs > 0
    ? blockedUntil(nowMs + blockedForMs)
    : algorithmOf(policy).advance(counting(stored), policy, nowMs);
}

/** Whether a stored state is the same as that of a new key, and can be forgotten. */
export const isFresh = (stored: CounterState, policy: Policy, nowMs: number): boolean =>
  decide(stored, policy, 0, false, nowMs).status.resetAfterMs === 0;

/**
 * The algorithm of a policy. States of two algorithms are never confused, because the id of a counter contains the
 * algorithm.
 */
function algorithmOf({ algorithm }: Policy): Algorithm {
  switch (algorithm) {
    case 'fixed-window':
      return fixedWindow;
    case 'sliding-window':
      return slidingWindow;
    case 'token-bucket':
      return tokenBucket;
    case 'sliding-log':
      return slidingLog;
    case 'strict-window':
      return strictWindow;
    case 'concurrency':
      return concurrency;
    default:
      return algorithm satisfies never;
  }
}

/** Decides without counting: during a block, or with a limit of 0. */
function decideUncounted(
  stored: CounterState | undefined,
  policy: Policy,
  cost: number,
  admitted: boolean,
  blockedForMs: number,
  nowMs: number,
): Outcome {
  const retryAfterMs = admitted ? 0 : canNeverPass(policy, cost) ? null : blockedForMs;
  return {
    state: kept(stored, { state: blockedUntil(nowMs + blockedForMs), resetAfterMs: blockedForMs }, policy, nowMs),
    status: uncounted(policy, admitted, blockedForMs, retryAfterMs, nowMs),
  };
}

/** The outcome of a refusal, if the policy blocks. */
const blocked = (policy: Policy, nowMs: number): Outcome => ({
  state: blockedUntil(nowMs + policy.blockForMs),
  status: uncounted(policy, false, policy.blockForMs, policy.blockForMs, nowMs),
});

/**
 * Whether a call can never pass. `burst` is the capacity: it equals `limit` for every algorithm except the token
 * bucket.
 */
export const canNeverPass = (policy: Policy, cost: number): boolean => policy.limit === 0 || cost > policy.burst;

/** The state to store if a call changes nothing, for the given current state. */
function kept(
  stored: CounterState | undefined,
  { state, resetAfterMs }: Pick<Verdict, 'state' | 'resetAfterMs'>,
  policy: Policy,
  nowMs: number,
): CounterState | undefined {
  if (stored === undefined || stored === state || policy.limit === 0) return stored;
  if (!isDisplaced(stored, policy, nowMs)) return stored;
  return resetAfterMs === 0 ? undefined : state;
}

const isDisplaced = (stored: CounterState, policy: Policy, nowMs: number): boolean =>
  isBlock(stored) ? isDisplacedBlock(stored, policy, nowMs) : algorithmOf(policy).isDisplaced(stored, policy, nowMs);
