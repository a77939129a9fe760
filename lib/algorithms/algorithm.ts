import type { Policy } from '../contracts/policy.js';

/**
 * Largest product that an algorithm may form. Integers up to here are exact in a double, and so is the floor or the
 * ceiling of their quotients: the distance of a quotient from a whole number is more than its rounding error.
 */
export const MAX_PRODUCT = 2 ** 52;

/**
 * One way to count, as pure functions over an immutable state. Times are whole milliseconds since the epoch of
 * the store's clock; costs are safe integers of at least 0.
 *
 * Every verb but `advance` expects a state that `advance` returned for the same `nowMs`.
 *
 * @typeParam S the state of one policy for one key: plain data
 */
export interface Algorithm<S> {
  /**
   * The state as of now: windows rolled on, tokens refilled, a changed window converted, a clock that stepped back
   * made good. `undefined` is a key never seen. Returns the same object where nothing changed.
   */
  advance(state: S | undefined, policy: Policy, nowMs: number): S;

  /**
   * Whether the ground has moved under a stored state: the clock stepped back behind it, or the policy's window (a
   * bucket's rate) is another. What `advance` makes of it must then be stored even when nothing is charged, or its
   * time would not pass.
   */
  isDisplaced(state: S, policy: Policy, nowMs: number): boolean;

  /** Whether a call of this cost passes. */
  admits(state: S, policy: Policy, cost: number, nowMs: number): boolean;

  /** Time until a call of this cost, which is at most the capacity and is refused now, passes. */
  retryAfterMs(state: S, policy: Policy, cost: number, nowMs: number): number;

  /** Charges a cost, whether the quota suffices or not. */
  charge(state: S, policy: Policy, cost: number, nowMs: number): S;

  /**
   * Gives a cost back, never above the full quota; a charge made at `chargedAtMs` only where it still counts.
   *
   * @param owed what a bucket owed right after that charge (see `Refund` of the backend's contract)
   */
  refund(state: S, policy: Policy, cost: number, nowMs: number, chargedAtMs?: number, owed?: number): S;

  /** Whole units that are left; may be negative after an overdraft. */
  remaining(state: S, policy: Policy, nowMs: number): number;

  /** Time until the state is that of a key never seen: when the full quota is back, and the key may be forgotten. */
  resetAfterMs(state: S, policy: Policy, nowMs: number): number;
}
