import type { PolicyStatus } from '../contracts/decision.js';
import type { Policy } from '../contracts/policy.js';
import type { Algorithm } from './algorithm.js';
import { fixedWindow, type FixedWindowState } from './fixed-window.js';
import { slidingLog, type SlidingLogState } from './sliding-log.js';
import { slidingWindow, type SlidingWindowState } from './sliding-window.js';
import { tokenBucket, type TokenBucketState } from './token-bucket.js';

/** A key that is refused until a time, after which it finds a fresh quota (`blockFor`). */
export interface BlockedState {
  readonly blockedUntilMs: number;
}

export type UsageState = FixedWindowState | SlidingWindowState | TokenBucketState | SlidingLogState;

/** What is stored of one policy for one key. */
export type CounterState = UsageState | BlockedState;

/** Each policy's states are of its own algorithm's type: the id of a counter carries the algorithm's name. */
function algorithmOf({ algorithm }: Policy): Algorithm<UsageState> {
  switch (algorithm) {
    case 'fixed-window':
      return fixedWindow as Algorithm<UsageState>;
    case 'sliding-window':
      return slidingWindow as Algorithm<UsageState>;
    case 'token-bucket':
      return tokenBucket as Algorithm<UsageState>;
    case 'sliding-log':
      return slidingLog as Algorithm<UsageState>;
    default:
      return algorithm satisfies never;
  }
}

// A comparison, since `in` is slow where the states of several algorithms meet.
const isBlocked = (state: CounterState): state is BlockedState =>
  (state as Partial<BlockedState>).blockedUntilMs !== undefined;

/** The state as of now; a block that is over is forgotten, and the key finds a fresh quota. */
export function advance(state: CounterState | undefined, policy: Policy, nowMs: number): CounterState {
  const algorithm = algorithmOf(policy);
  if (state === undefined) return algorithm.advance(undefined, policy, nowMs);
  if (!isBlocked(state)) return algorithm.advance(state, policy, nowMs);
  if (state.blockedUntilMs <= nowMs || policy.blockForMs === 0) return algorithm.advance(undefined, policy, nowMs);
  // A block never outlasts the policy's own, not even when the clock steps back or the policy changes.
  const longestMs = nowMs + policy.blockForMs;
  return state.blockedUntilMs > longestMs ? { blockedUntilMs: longestMs } : state;
}

/**
 * Whether the clock has stepped back behind a stored state, or its policy's window or rate was changed. What `advance`
 * makes of it must then be stored even when nothing is charged, or its time would not pass. A stored state that is
 * neither charged, refunded, blocked nor displaced is left as it is.
 */
export function isDisplaced(state: CounterState, policy: Policy, nowMs: number): boolean {
  if (policy.limit === 0) return false;
  return isBlocked(state)
    ? state.blockedUntilMs > nowMs + policy.blockForMs
    : algorithmOf(policy).isDisplaced(state, policy, nowMs);
}

/** Whether this policy, for itself, lets a call of this cost pass. A call that costs nothing always passes. */
export function admits(state: CounterState, policy: Policy, cost: number, nowMs: number): boolean {
  if (cost === 0) return true;
  if (isBlocked(state) || policy.limit === 0) return false;
  return algorithmOf(policy).admits(state, policy, cost, nowMs);
}

/** The state after a call that passed was charged. */
export function charge(state: CounterState, policy: Policy, cost: number, nowMs: number): CounterState {
  if (cost === 0 || isBlocked(state) || policy.limit === 0) return state;
  return algorithmOf(policy).charge(state, policy, cost, nowMs);
}

/** The state after this policy refused a call: blocked if the policy says so, and if the call could ever pass. */
export function refuse(state: CounterState, policy: Policy, cost: number, nowMs: number): CounterState {
  if (policy.blockForMs === 0 || isBlocked(state) || canNeverPass(policy, cost)) return state;
  return { blockedUntilMs: nowMs + policy.blockForMs };
}

/** The state after units were given back; a block stays, and a limit of 0 has nothing to give. */
export function refund(
  state: CounterState,
  policy: Policy,
  cost: number,
  nowMs: number,
  chargedAtMs?: number,
  owed?: number,
): CounterState {
  if (cost === 0 || isBlocked(state) || policy.limit === 0) return state;
  return algorithmOf(policy).refund(state, policy, cost, nowMs, chargedAtMs, owed);
}

/**
 * What a policy says of a call.
 *
 * @param state after the call was charged or refused
 * @param admitted what `admits` said of it, or `true` for a charge that was forced
 */
export function statusOf(
  state: CounterState,
  policy: Policy,
  cost: number,
  admitted: boolean,
  nowMs: number,
): PolicyStatus {
  const { name, limit, windowMs, mode } = policy;
  const retryAfterMs = admitted ? 0 : retryAfter(state, policy, cost, nowMs);
  let remaining = 0;
  let untilReset = 0;
  if (isBlocked(state)) untilReset = state.blockedUntilMs - nowMs;
  else if (limit > 0) {
    const algorithm = algorithmOf(policy);
    remaining = Math.max(0, algorithm.remaining(state, policy, nowMs));
    untilReset = algorithm.resetAfterMs(state, policy, nowMs);
  }
  return { name, limit, windowMs, allowed: admitted, remaining, resetAfterMs: untilReset, retryAfterMs, mode };
}

/** Whether a stored state tells no more than that of a key never seen, and may be forgotten. */
export function isFresh(state: CounterState, policy: Policy, nowMs: number): boolean {
  return resetAfterMs(advance(state, policy, nowMs), policy, nowMs) === 0;
}

/** Time until a state as of now is that of a key never seen: for so long it must be kept. */
export function resetAfterMs(state: CounterState, policy: Policy, nowMs: number): number {
  if (isBlocked(state)) return state.blockedUntilMs - nowMs;
  return policy.limit === 0 ? 0 : algorithmOf(policy).resetAfterMs(state, policy, nowMs);
}

function retryAfter(state: CounterState, policy: Policy, cost: number, nowMs: number): number | null {
  if (canNeverPass(policy, cost)) return null;
  if (isBlocked(state)) return state.blockedUntilMs - nowMs;
  return algorithmOf(policy).retryAfterMs(state, policy, cost, nowMs);
}

/** Whether no wait is long enough. `burst` is the capacity: it equals `limit` for every algorithm but the token bucket. */
export const canNeverPass = (policy: Policy, cost: number): boolean => policy.limit === 0 || cost > policy.burst;
