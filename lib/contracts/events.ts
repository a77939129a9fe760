import type { BreakerTransition } from './breaker.js';
import type { Decision } from './decision.js';

/** Where a call came from. */
export interface CallOrigin {
  /** Class and method of the handler, such as `CatsController.all`. Absent for calls of `BackendService`. */
  readonly route?: string | undefined;
  /** Nest's name of the transport: `http`, `graphql`, `ws`, `rpc` or another. Absent for calls of `BackendService`. */
  readonly transport?: string | undefined;
}

/** A decision was made; shadow policies are among `decision.policies`. Carries no key. */
export interface DecisionEvent extends CallOrigin {
  readonly kind: 'decision';
  readonly decision: Decision;
  /** How long the decision took, in ms with fractions; 0 where nothing had to be decided. */
  readonly durationMs: number;
  /**
   * SHA-256 of the key, 22 characters of base64url: the key of the first policy that refuses, else of the first policy.
   * `null` where no key was read. It tells keys apart; it does not hide one that can be guessed, such as an IPv4 address.
   */
  readonly keyHash: string | null;
}

/** What a backend was asked to do. */
export type BackendVerb = 'consume' | 'peek' | 'refund' | 'renew' | 'reset' | 'ping';

/**
 * How a call to a backend ended: `success`; `failure` (infrastructure, a missed deadline included); or `error`, any other
 * error, which counts against no breaker.
 */
export type BackendCallOutcome = 'success' | 'failure' | 'error';

/** A call to a backend ended. A call that an open circuit rejects is not made, and is no event. */
export interface BackendCallEvent {
  readonly kind: 'backend-call';
  readonly backend: string;
  readonly verb: BackendVerb;
  readonly outcome: BackendCallOutcome;
  /** In ms, with fractions. */
  readonly durationMs: number;
}

/** A call to a backend failed for want of infrastructure; one event for each call that was made and failed. */
export interface BackendFailureEvent {
  readonly kind: 'backend-failure';
  readonly backend: string;
  readonly error: Error;
}

/** The first failure of a backend after it worked. */
export interface OutageStartedEvent {
  readonly kind: 'outage-started';
  readonly backend: string;
  readonly error: Error;
}

/** The first success of a backend after it failed. */
export interface OutageEndedEvent {
  readonly kind: 'outage-ended';
  readonly backend: string;
  /** How long the outage lasted. */
  readonly durationMs: number;
  /** Failed calls in that time. */
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
  /** Counters dropped. */
  readonly count: number;
}

/** A slot of a concurrency policy was taken or freed in this process. */
export interface SlotsEvent {
  readonly kind: 'slots';
  readonly policy: string;
  /** Slots that this process holds of the policy, over all keys. */
  readonly inUse: number;
}

/** A call joined or left a queue of this process. */
export interface QueueEvent {
  readonly kind: 'queue';
  readonly policy: string;
  /** Calls that wait in this process for the policy, over all keys. */
  readonly length: number;
  /** How long the call that left had waited; absent when one joined. */
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
  /** When this process took it up, ms since the epoch. */
  readonly at: number;
}

/** One typed stream for logs, health, metrics and dashboards. */
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
