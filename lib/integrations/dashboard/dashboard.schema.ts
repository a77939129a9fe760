import type { BreakerMode, BreakerState, BreakerTransition } from '../../contracts/breaker.js';
import type { FailureMode } from '../../contracts/policy.js';

/** One number for each bucket of time, oldest first: as many as `DashboardState#buckets` has. */
export type DashboardSeries = readonly number[];

/** A policy in the shown time. */
export interface DashboardPolicy {
  /** `other` means all policies after the first 200. */
  readonly name: string;
  /** The policy at its last use; `null` if several policies share the name, or it was not used yet. */
  readonly quota: { readonly limit: number; readonly windowMs: number } | null;
  readonly mode: 'enforce' | 'shadow';
  /** Calls since the application started. */
  readonly totals: { readonly allowed: number; readonly limited: number; readonly shadowLimited: number };
  readonly allowed: DashboardSeries;
  readonly limited: DashboardSeries;
  /** Calls that a shadow policy would have refused. */
  readonly shadowLimited: DashboardSeries;
  /** For a shadow policy: what it would have refused, and which limit would refuse less; else `null`. */
  readonly trial: DashboardTrial | null;
}

/** What a shadow policy would have refused in this process, since it first appeared or last changed. */
export interface DashboardTrial {
  /** Such as `100/m`. */
  readonly rate: string;
  readonly calls: number;
  readonly refused: number;
  /** Share of refused calls, 0 to 1. */
  readonly share: number;
  /** Number of refused keys, up to 10,000. */
  readonly clients: number;
  readonly clientsAreMore: boolean;
  /**
   * How many of them are in one /24 or /64 network; the network only with `showKeys`. `null`: no IP address is known.
   */
  readonly network: { readonly network?: string; readonly clients: number } | null;
  /** The lowest limit, in two digits and zeros, that would have refused at most one call in a thousand. */
  readonly oneInAThousand: { readonly limit: number; readonly rate: string; readonly share: number } | null;
}

/** Uncounted calls, by reason. */
export interface DashboardUncounted {
  /** `failed_open`, `skipped`, `disabled`, `allow_listed` or `deny_listed`. */
  readonly reason: string;
  readonly total: number;
  readonly calls: DashboardSeries;
}

/** A time in which a backend failed. */
export interface DashboardOutage {
  readonly startedMs: number;
  /** `null`: it is not over. */
  readonly endedMs: number | null;
  /** A code, never a message. */
  readonly reason: string;
  /** Failed calls. */
  readonly failures: number;
}

/** A backend, its latency and its outages. */
export interface DashboardBackend {
  readonly name: string;
  /** Whether the last call succeeded. */
  readonly up: boolean;
  /** Calls since the application started. */
  readonly totals: { readonly calls: number; readonly failures: number };
  readonly calls: DashboardSeries;
  readonly failures: DashboardSeries;
  /** In ms; 0 if there was no call. */
  readonly meanMs: DashboardSeries;
  readonly maxMs: DashboardSeries;
  readonly outages: readonly DashboardOutage[];
}

/** A circuit breaker, or all breakers of one keyed `@CircuitBreaker` in their worst state. */
export interface DashboardBreaker {
  readonly name: string;
  readonly state: BreakerState;
  readonly mode: BreakerMode;
  /** Number of breakers in this row, and how many of them are not closed. */
  readonly count: number;
  readonly notClosed: number;
  readonly failureCount: number;
  readonly failureThreshold: number;
  readonly tripCount: number;
  /** Time until the next probe is due; 0 unless open. */
  readonly retryAfterMs: number;
  readonly transitions: readonly (Omit<BreakerTransition, 'breaker'> & { readonly atMs: number })[];
}

/** A key that is limited often. */
export interface DashboardKey {
  readonly policy: string;
  readonly keyHash: string;
  /** Only with the option `showKeys`. */
  readonly key?: string;
  /** Recent refusals. The true number is at least `limited` minus `atMostOver`. */
  readonly limited: number;
  /** By how much `limited` may be too large. */
  readonly atMostOver: number;
  readonly lastMs: number;
}

/** The body of `GET <path>/api/state`. Times are ms since the epoch. */
export interface DashboardState {
  readonly version: 1;
  readonly nowMs: number;
  readonly startedMs: number;
  readonly historyMs: number;
  readonly bucketMs: number;
  readonly failureMode: FailureMode;
  /** Whether the page may change something. */
  readonly actions: boolean;
  /** Whether keys are readable. */
  readonly showKeys: boolean;
  /** Start of each bucket, oldest first. The last bucket is not complete. */
  readonly buckets: readonly number[];
  readonly policies: readonly DashboardPolicy[];
  readonly uncounted: readonly DashboardUncounted[];
  readonly backends: readonly DashboardBackend[];
  readonly breakers: readonly DashboardBreaker[];
  readonly keys: readonly DashboardKey[];
}
