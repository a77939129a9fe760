import type { BreakerMode, BreakerState, BreakerTransition } from '../../contracts/breaker.js';
import type { FailureMode } from '../../contracts/policy.js';

/** One number for each bucket of time, oldest first: as many as `DashboardState#buckets` has. */
export type DashboardSeries = readonly number[];

/** A policy in the time that is looked at. */
export interface DashboardPolicy {
  /** `other` stands for all beyond 200. */
  readonly name: string;
  /** As it was last seen; `null` where several policies share the name, or nothing was seen yet. */
  readonly quota: { readonly limit: number; readonly windowMs: number } | null;
  readonly mode: 'enforce' | 'shadow';
  /** Calls since the application started. */
  readonly totals: { readonly allowed: number; readonly limited: number; readonly shadowLimited: number };
  readonly allowed: DashboardSeries;
  readonly limited: DashboardSeries;
  /** Calls that a shadow policy would have refused. */
  readonly shadowLimited: DashboardSeries;
  /** Of a shadow policy: what it would have refused, and which limit would refuse less; else `null`. */
  readonly trial: DashboardTrial | null;
}

/** What a shadow policy would have refused, since it was first seen or last changed, in this process. */
export interface DashboardTrial {
  /** Such as `100/m`. */
  readonly rate: string;
  readonly calls: number;
  readonly refused: number;
  /** Refused calls of all, 0 to 1. */
  readonly share: number;
  /** Keys that were refused; at most 10,000 are told apart. */
  readonly clients: number;
  readonly clientsAreMore: boolean;
  /** How many of them come from one /24 or /64 network; its name only with `showKeys`. `null`: no address is known. */
  readonly network: { readonly network?: string; readonly clients: number } | null;
  /** The lowest limit, in two digits and zeros, that would have refused at most one call in a thousand. */
  readonly oneInAThousand: { readonly limit: number; readonly rate: string; readonly share: number } | null;
}

/** Calls that nobody counted, by reason. */
export interface DashboardUncounted {
  /** `failed_open`, `skipped`, `disabled`, `allow_listed` or `deny_listed`. */
  readonly reason: string;
  readonly total: number;
  readonly calls: DashboardSeries;
}

/** A time in which a backend failed. */
export interface DashboardOutage {
  readonly startedMs: number;
  /** `null`: it lasts. */
  readonly endedMs: number | null;
  /** A code, never a message. */
  readonly reason: string;
  /** Failed calls. */
  readonly failures: number;
}

/** A backend, its latency and its outages. */
export interface DashboardBackend {
  readonly name: string;
  /** Whether the last call went well. */
  readonly up: boolean;
  /** Calls since the application started. */
  readonly totals: { readonly calls: number; readonly failures: number };
  readonly calls: DashboardSeries;
  readonly failures: DashboardSeries;
  /** In ms; 0 where there was no call. */
  readonly meanMs: DashboardSeries;
  readonly maxMs: DashboardSeries;
  readonly outages: readonly DashboardOutage[];
}

/** A circuit breaker, or all of one keyed `@CircuitBreaker` in their worst state. */
export interface DashboardBreaker {
  readonly name: string;
  readonly state: BreakerState;
  readonly mode: BreakerMode;
  /** Breakers that this stands for, and how many of them are not closed. */
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
  /** Refusals lately: at least so many, less `atMostOver`. */
  readonly limited: number;
  /** By how much `limited` may be too large. */
  readonly atMostOver: number;
  readonly lastMs: number;
}

/** What `GET <path>/api/state` answers. Times are ms since the epoch. */
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
  /** When each bucket begins, oldest first. The last is not complete. */
  readonly buckets: readonly number[];
  readonly policies: readonly DashboardPolicy[];
  readonly uncounted: readonly DashboardUncounted[];
  readonly backends: readonly DashboardBackend[];
  readonly breakers: readonly DashboardBreaker[];
  readonly keys: readonly DashboardKey[];
}
