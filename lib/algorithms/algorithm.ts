import type { Policy } from '../contracts/policy.js';

/**
 * The largest product that an algorithm may compute. Integers up to this are exact in a double, and so are the floor
 * and the ceiling of their quotients: the distance of a quotient from a whole number is larger than its rounding error.
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
  /** The window of the counts, ms. 0: the key is blocked until `at`. */
  readonly windowMs: number;
  readonly at: number;
  readonly used: number;
  readonly rest: number;
  /**
   * For a sliding log and a strict window: pairs of a time and its units, oldest first. For `concurrency`: pairs of a
   * slot's name and the end of its lease.
   */
  readonly log: readonly number[] | undefined;
}

/** The result of an algorithm for a call. */
export interface Verdict {
  readonly admitted: boolean;
  /** The current state, charged if the call is admitted; or the stored state, if it is equivalent. */
  readonly state: CounterState;
  /** Whole units left in that state; negative after an overdraft. */
  readonly remaining: number;
  /** Time until the full quota is back, and the key can be forgotten. */
  readonly resetAfterMs: number;
  /** 0 if admitted; else the time until the call passes, for a cost of at most the capacity. */
  readonly retryAfterMs: number;
  /** Time until one more whole unit than `remaining` (or than 0, after an overdraft) is left; 0 if no more can come. */
  readonly nextUnitAfterMs: number;
}

/**
 * A counting algorithm, as pure functions of an immutable state. Times are whole milliseconds since the epoch of the
 * store's clock; costs are safe integers of at least 0.
 */
export interface Algorithm {
  /**
   * The current state: windows are moved on, tokens refilled, a changed window converted, and a clock that stepped back
   * corrected. `undefined` is a new key. It may return the same object if nothing changed.
   */
  advance(stored: CounterState | undefined, policy: Policy, nowMs: number): CounterState;

  /**
   * Whether a stored state is out of date: the clock stepped back, or the policy's window (for a bucket, the rate)
   * changed. Then the result of `advance` must be stored even if nothing is charged. Otherwise its time would not pass.
   */
  isDisplaced(stored: CounterState, policy: Policy, nowMs: number): boolean;

  /** Whether a call passes: the result of `decide`, without the charge. */
  admits(stored: CounterState | undefined, policy: Policy, cost: number, nowMs: number, slot?: number): boolean;

  /**
   * Decides on a call.
   *
   * @param forced the call passes even if the quota is not enough
   * @param slot the slot of a concurrency policy that the call takes
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
   * Gives units back, never above the full quota. A charge of `chargedAtMs` is only given back while it counts.
   *
   * @param state the result of `advance` for the same `nowMs`
   * @param owed the debt of a bucket right after that charge (see `Refund` of the backend's contract)
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
