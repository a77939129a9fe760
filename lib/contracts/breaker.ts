import type { Duration } from './policy.js';

/** Milliseconds of a monotonic clock; injectable for tests. */
export type Clock = () => number;

export type BreakerState = 'closed' | 'open' | 'half-open';

/** `auto`: the machine decides. `forced-open`: every call is rejected. `disabled`: every call passes, unobserved. */
export type BreakerMode = 'auto' | 'forced-open' | 'disabled';

/**
 * When a closed breaker trips.
 *
 * - `consecutive`: after `failureThreshold` failures with no success between them. The default.
 * - `rate`: when at least `minimumCalls` ended within `window` and the share of failures is at least `failureRate`.
 * - `slow`: the same for calls that took at least `slowCall`; failures count as slow.
 */
export type TripOptions =
  | { readonly kind: 'consecutive' }
  | { readonly kind: 'rate'; readonly failureRate: number; readonly minimumCalls: number; readonly window: Duration }
  | {
      readonly kind: 'slow';
      readonly slowCall: Duration;
      readonly slowRate: number;
      readonly minimumCalls: number;
      readonly window: Duration;
    };

/** How a circuit breaker trips and recovers. Every field has a default. */
export interface CircuitBreakerOptions {
  /** Consecutive failures that open the circuit: a whole number of at least 1. Default 5. */
  readonly failureThreshold?: number;
  /** Length of the first open period. Default 60 s; around a backend 1 s. */
  readonly recoveryTimeout?: Duration;
  /** Time closed without a trip until the backoff starts over. Default 300 s; around a backend 1 s. */
  readonly resetTimeout?: Duration;
  /** Probes in flight at a time while half-open: at least 1. Default 1. */
  readonly halfOpenMaxCalls?: number;
  /** Successful probes that close the circuit: at least 1. Default 1. */
  readonly successThreshold?: number;
  /** Factor by which each further open period grows: at least 1. Default 2. */
  readonly backoffMultiplier?: number;
  /** Longest open period. Default 300 s, around a backend 60 s, or `recoveryTimeout` where that is longer. */
  readonly backoffMax?: Duration;
  /** Share of an open period that chance may take off, 0 to 1. Default 0.25. */
  readonly jitter?: number;
  /** Deadline of one call, at most 24 days; it fails when it takes longer, whatever `isFailure` says. Default: none. */
  readonly callTimeout?: Duration;
  /**
   * Whether an error is a failure of what is called. One that is none is an answer, and counts as a success. Default:
   * every error is a failure; for `@CircuitBreaker`, not those with a status from 400 to 499 other than 408, 425, 429.
   */
  readonly isFailure?: (error: unknown) => boolean;
  /**
   * Whether a result is a failure of what is called, such as a response with status 503; of a stream its first value is
   * asked for. The caller gets the result all the same, or the decorator's `fallback`. Default: no result is a failure.
   */
  readonly isFailureResult?: (result: unknown) => boolean;
  /** Default: the process's monotonic clock. It is read as one that stands still whenever it steps back. */
  readonly clock?: Clock;
  /** Default `{ kind: 'consecutive' }`. */
  readonly trip?: TripOptions;
}

/** What a breaker tells of itself. Reading it changes nothing. */
export interface CircuitBreakerStatus {
  readonly name: string;
  readonly state: BreakerState;
  readonly mode: BreakerMode;
  /** Consecutive failures, or failures (slow calls) within the window, by trip rule. */
  readonly failureCount: number;
  readonly failureThreshold: number;
  /** Trips in all. */
  readonly tripCount: number;
  /** When the next probe is due; `null` unless open. */
  readonly nextAttemptAt: Date | null;
  /** Time until then; 0 unless open. */
  readonly retryAfterMs: number;
  /** Outcomes that came after their generation had passed, and were ignored. */
  readonly lateOutcomes: number;
}

/** One change of state of a breaker. */
export interface BreakerTransition {
  readonly breaker: string;
  readonly from: BreakerState;
  readonly to: BreakerState;
  /** `peers`: as many other processes as `quorum` of `breakerState` says have this circuit open. */
  readonly reason:
    'tripped' | 'probe-failed' | 'probe-lost' | 'due' | 'recovered' | 'reset' | 'forced' | 'restored' | 'peers';
}

/** Hears of every transition of a breaker. What it throws is dropped. */
export type BreakerTransitionListener = (transition: BreakerTransition) => void;

/**
 * Leave to make one call. It is settled by the first of its three verbs; the others, and later calls, do nothing. A
 * permit that is never settled costs nothing while the circuit is closed; a probe's slot is taken back when its lease
 * runs out.
 */
export interface Permit {
  /**
   * The call answered.
   *
   * @param result what it answered, for `isFailureResult` to judge; leave it out where that is no question
   * @returns false if the result is a failure
   */
  success(...result: [result?: unknown]): boolean;
  /**
   * The call threw. An error that `isFailure` calls none is an answer: a success.
   *
   * @returns whether the error is a failure
   */
  failure(error: unknown): boolean;
  /** The call was not made, or was given up by its caller: the slot is free again, without a verdict. */
  release(): void;
}

/** What a restart must not forget of a breaker: plain JSON. Counters, slots and listeners are not part of it. */
export interface BreakerSnapshot {
  readonly version: 1;
  /** Wall clock, ms since the epoch: the time that passes until `restore` counts. */
  readonly takenAt: number;
  readonly mode: BreakerMode;
  /** A half-open circuit is kept as one that is open and due: its probes end with their process. */
  readonly state: 'closed' | 'open';
  /** Open periods since the backoff last started over. */
  readonly backoffStep: number;
  readonly tripCount: number;
  /** Time left until the next probe is due; 0 unless open. */
  readonly retryAfterMs: number;
  /** Time closed; 0 unless closed. */
  readonly closedForMs: number;
}
