import type { Policy } from '../contracts/policy.js';

/**
 * Largest product that an algorithm may form. Integers up to here are exact in a double, and so is the floor or the
 * ceiling of their quotients: the distance of a quotient from a whole number is more than its rounding error.
 */
export const MAX_PRODUCT = 2 ** 52;

/**
 * What is stored of one policy for one key.
 *
 * |                  | `at`                    | `used`                           | `rest`                       |
 * | ---------------- | ----------------------- | -------------------------------- | ---------------------------- |
 * | `fixed-window`   | end of the window, ms   | its units                        | 0, or which calendar window  |
 * | `sliding-window` | window since the epoch  | its units                        | units of the window before   |
 * | `token-bucket`   | a time, ms              | what it lacked of being full     | the limit that it refills at |
 * |                  |                         | then, tokens x window            |                              |
 * | `sliding-log`    | where its part of the   | units in that part               | where its part begins        |
 * |                  | log ends                |                                  |                              |
 * | `strict-window`  | time of the newest      | units in all records             | units in the newest record   |
 * |                  | record, ms              |                                  |                              |
 * | `concurrency`    | the latest end of a     | slots                            | 0                            |
 * |                  | lease, ms               |                                  |                              |
 *
 * It has one shape for all algorithms, so that the memory backend can hold the numbers in the counter itself and
 * overwrite them: with an object for each new state, 100,000 keys in use keep the garbage collector busy.
 */
export interface CounterState {
  /** The window for which it was counted, ms. 0: the key is blocked until `at`. */
  readonly windowMs: number;
  readonly at: number;
  readonly used: number;
  readonly rest: number;
  /**
   * Pairs of a time and the units that came then, oldest first: of a sliding log, and of a strict window. Pairs of a
   * slot's name and the end of its lease, of `concurrency`.
   */
  readonly log: readonly number[] | undefined;
}

/** What an algorithm says of a call. */
export interface Verdict {
  readonly admitted: boolean;
  /** As of now, charged if the call is admitted; or the stored one, if it tells the same when time is counted on. */
  readonly state: CounterState;
  /** Whole units that are left in that state; negative after an overdraft. */
  readonly remaining: number;
  /** Time until the state is that of a key never seen: when the full quota is back, and the key may be forgotten. */
  readonly resetAfterMs: number;
  /** 0 if admitted; else, for a cost of at most the capacity, time until the call passes. */
  readonly retryAfterMs: number;
  /** Time until a whole unit more than `remaining` (or than 0, after an overdraft) is left; 0 if none can come. */
  readonly nextUnitAfterMs: number;
}

/**
 * One way to count, as pure functions over an immutable state. Times are whole milliseconds since the epoch of
 * the store's clock; costs are safe integers of at least 0.
 */
export interface Algorithm {
  /**
   * The state as of now: windows rolled on, tokens refilled, a changed window converted, a clock that stepped back
   * made good. `undefined` is a key never seen. May return the same object where nothing changed.
   */
  advance(stored: CounterState | undefined, policy: Policy, nowMs: number): CounterState;

  /**
   * Whether the ground has moved under a stored state: the clock stepped back behind it, or the policy's window (a
   * bucket's rate) is another. What `advance` makes of it must then be stored even when nothing is charged, or its
   * time would not pass.
   */
  isDisplaced(stored: CounterState, policy: Policy, nowMs: number): boolean;

  /** Whether a call passes: what `decide` says of it, without the charge. */
  admits(stored: CounterState | undefined, policy: Policy, cost: number, nowMs: number, slot?: number): boolean;

  /**
   * Decides on a call.
   *
   * @param forced the call passes even where the quota does not suffice
   * @param slot the slot that is taken, of a concurrency policy
   */
  decide(
    stored: CounterState | undefined,
    policy: Policy,
    cost: number,
    forced: boolean,
    nowMs: number,
    slot?: number,
  ): Verdict;

  /**
   * Gives a cost back, never above the full quota; a charge made at `chargedAtMs` only where it still counts.
   *
   * @param state what `advance` returned for the same `nowMs`
   * @param owed what a bucket owed right after that charge (see `Refund` of the backend's contract)
   */
  refund(
    state: CounterState,
    policy: Policy,
    cost: number,
    nowMs: number,
    chargedAtMs?: number,
    owed?: number,
    slot?: number,
  ): CounterState;
}

/** A state without a log. */
export const counted = (windowMs: number, at: number, used: number, rest: number): CounterState => ({
  windowMs,
  at,
  used,
  rest,
  log: undefined,
});
