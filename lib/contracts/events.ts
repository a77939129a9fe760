import type { BreakerTransition } from './breaker.js';
import type { Decision } from './decision.js';

/** The origin of a call. */
export interface CallOrigin {
  /** Class and method of the handler, such as `CatsController.all`. Absent for calls of `BackendService`. */
  readonly route?: string | undefined;
  /** Nest's name of the transport: `http`, `graphql`, `ws`, `rpc` or another. Absent for calls of `BackendService`. */
  readonly transport?: string | undefined;
}

/** A decision was made. `decision.policies` includes shadow policies. The event contains no key. */
export interface DecisionEvent extends CallOrigin {
  readonly kind: 'decision';
  readonly decision: Decision;
  /** Duration of the decision, in ms with fractions; 0 if there was nothing to decide. */
  readonly durationMs: number;
  /**
   * SHA-256 of the key, 22 characters of base64url: the key of the first policy that refuses, else of the first policy.
   * `null` if no key was read. It separates keys, but does not hide a key that can be guessed, such as an IPv4 address.
   */
  readonly keyHash: string | null;
}

/** The method of a backend that was called. */
export type BackendVerb = 'consume' | 'peek' | 'refund' | 'renew' | 'reset' | 'ping';

/**
 * How a call to a backend ended: `success`; `failure` (infrastructure, including a missed deadline); or `error`, any
 * other error, which does not count in the breaker.
 */
export type BackendCallOutcome = 'success' | 'failure' | 'error';

/** A call to a backend ended. A call that an open circuit rejects is not made, so it has no event. */
export interface BackendCallEvent {
  readonly kind: 'backend-call';
  readonly backend: string;
  readonly verb: BackendVerb;
  readonly outcome: BackendCallOutcome;
  /** In ms, with fractions. */
  readonly durationMs: number;
}

/** A call to a backend failed because of its infrastructure: one event for each call that was made and failed. */
export interface BackendFailureEvent {
  readonly kind: 'backend-failure';
  readonly backend: string;
  readonly error: Error;
}

/** The first failure of a backend that worked before. */
export interface OutageStartedEvent {
  readonly kind: 'outage-started';
  readonly backend: string;
  readonly error: Error;
}

/** The first success of a backend that failed before. */
export interface OutageEndedEvent {
  readonly kind: 'outage-ended';
  readonly backend: string;
  /** Duration of the outage. */
  readonly durationMs: number;
  /** Number of failed calls during the outage. */
  readonly failures: number;
}

/** A breaker of the application changed state: a backend's (`backend:<name>`) or a decorated method's. */
export interface BreakerTransitionEvent extends BreakerTransition {
  readonly kind: 'breaker-transition';
}

/** A backend dropped live counters to stay within its bounds. */
export interface EvictionEvent {
  readonly kind: 'eviction';
  readonly backend: string;
  /** Number of dropped counters. */
  readonly count: number;
}

/** A slot of a concurrency policy was taken or freed in this process. */
export interface SlotsEvent {
  readonly kind: 'slots';
  readonly policy: string;
  /** Slots of the policy that this process holds, for all keys. */
  readonly inUse: number;
}

/** A call joined or left a queue of this process. */
export interface QueueEvent {
  readonly kind: 'queue';
  readonly policy: string;
  /** Calls that wait in this process for the policy, for all keys. */
  readonly length: number;
  /** How long the call waited, if it left the queue. */
  readonly waitedMs?: number;
}

/** A policy was changed at run time, here or in another process that shares the policy store. */
export interface PolicyChangeEvent {
  readonly kind: 'policy-change';
  readonly change: 'set' | 'unset' | 'override' | 'remove-override' | 'shadow';
  /** Name of the policy. */
  readonly policy: string;
  /** Key or pattern of an override. */
  readonly key?: string;
  readonly by?: string;
  readonly reason?: string;
  /** When this process applied the change, ms since the epoch. */
  readonly at: number;
}

/** All events of the limiter, for logs, health, metrics and dashboards. */
export type RateLimitEvent =
  | DecisionEvent
  | BackendCallEvent
  | BackendFailureEvent
  | OutageStartedEvent
  | OutageEndedEvent
  | BreakerTransitionEvent
  | EvictionEvent
  | SlotsEvent
  | QueueEvent
  | PolicyChangeEvent;

export type RateLimitListener = (event: RateLimitEvent) => void;
