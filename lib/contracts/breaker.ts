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

/** Options of a circuit breaker. Every option has a default. */
export interface CircuitBreakerOptions {
  /** Consecutive failures that open the circuit: a whole number of at least 1. Default 5. */
  readonly failureThreshold?: number;
  /** Length of the first open period. Default 60 s; around a backend 1 s. */
  readonly recoveryTimeout?: Duration;
  /**
   * After this time in the closed state without a trip, open periods are short again. Default 300 s; around a backend 1
   * s.
   */
  readonly resetTimeout?: Duration;
  /** Probes that run at the same time while half-open: at least 1. Default 1. */
  readonly halfOpenMaxCalls?: number;
  /** Successful probes that close the circuit: at least 1. Default 1. */
  readonly successThreshold?: number;
  /** Factor by which each further open period grows: at least 1. Default 2. */
  readonly backoffMultiplier?: number;
  /** Longest open period. Default 300 s, around a backend 60 s, or `recoveryTimeout` if that is longer. */
  readonly backoffMax?: Duration;
  /** The maximum share of an open period that is randomly subtracted, 0 to 1. Default 0.25. */
  readonly jitter?: number;
  /**
   * Deadline of one call, at most 24 days. A call that takes longer is a failure, whatever `isFailure` returns.
   * Default: none.
   */
  readonly callTimeout?: Duration;
  /**
   * Whether an error is a failure of the called service. Any other error is an answer, and counts as a success.
   * Default: every error is a failure; for `@CircuitBreaker`, except errors with a status from 400 to 499 other than
   * 408, 425 and 429.
   */
  readonly isFailure?: (error: unknown) => boolean;
  /**
   * Whether a result is a failure of the called service, such as a response with status 503. For a stream, it gets the
   * first value. The caller still gets the result, or the `fallback` of the decorator. Default: no result is a failure.
   */
  readonly isFailureResult?: (result: unknown) => boolean;
  /** Default: the monotonic clock of the process. If a clock steps back, the breaker treats the time as unchanged. */
  readonly clock?: Clock;
  /** Default `{ kind: 'consecutive' }`. */
  readonly trip?: TripOptions;
}

/** The status of a breaker. Reading it changes nothing. */
export interface CircuitBreakerStatus {
  readonly name: string;
  readonly state: BreakerState;
  readonly mode: BreakerMode;
  /** Consecutive failures, or failures (slow calls) within the window, depending on the trip rule. */
  readonly failureCount: number;
  readonly failureThreshold: number;
  /** The total number of trips. */
  readonly tripCount: number;
  /** The time of the next probe; `null` unless open. */
  readonly nextAttemptAt: Date | null;
  /** Time until the next probe; 0 unless open. */
  readonly retryAfterMs: number;
  /** Outcomes of calls from an earlier state. They are ignored. */
  readonly lateOutcomes: number;
}

/** One change of state of a breaker. */
export interface BreakerTransition {
  readonly breaker: string;
  readonly from: BreakerState;
  readonly to: BreakerState;
  /** `peers`: other processes report this circuit as open, as many as the `quorum` of `breakerState`. */
  readonly reason:
    'tripped' | 'probe-failed' | 'probe-lost' | 'due' | 'recovered' | 'reset' | 'forced' | 'restored' | 'peers';
}

/** Is called for every transition of a breaker. Errors that it throws are ignored. */
export type BreakerTransitionListener = (transition: BreakerTransition) => void;

/**
 * Permission for one call. The first call of `success`, `failure` or `release` settles it; later calls do nothing. A
 * permit that is never settled costs nothing while the circuit is closed. The slot of a probe is freed when its lease
 * ends.
 */
export interface Permit {
  /**
   * The call returned.
   *
   * @param result the returned value, for `isFailureResult`; omit it if there is none
   * @returns false if the result is a failure
   */
  success(...result: [result?: unknown]): boolean;
  /**
   * The call threw. An error for which `isFailure` returns false is an answer: a success.
   *
   * @returns whether the error is a failure
   */
  failure(error: unknown): boolean;
  /** The call was not made, or its caller gave up: the slot is free again, and nothing is counted. */
  release(): void;
}

/** The state of a breaker that survives a restart: plain JSON. Counters, slots and listeners are not part of it. */
export interface BreakerSnapshot {
  readonly version: 1;
  /** Wall clock, ms since the epoch. The time until `restore` counts. */
  readonly takenAt: number;
  readonly mode: BreakerMode;
  /** A half-open circuit is stored as open and due, because its probes end with their process. */
  readonly state: 'closed' | 'open';
  /** Number of open periods since the backoff last started again. */
  readonly backoffStep: number;
  readonly tripCount: number;
  /** Time left until the next probe is due; 0 unless open. */
  readonly retryAfterMs: number;
  /** Time closed; 0 unless closed. */
  readonly closedForMs: number;
}
