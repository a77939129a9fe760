import type { BreakerTransition } from './breaker.js';
import type { Decision } from './decision.js';

/** A decision was made; shadow policies are among `decision.policies`. Carries no key. */
export interface DecisionEvent {
  readonly kind: 'decision';
  readonly decision: Decision;
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
  | BackendFailureEvent
  | OutageStartedEvent
  | OutageEndedEvent
  | BreakerTransitionEvent
  | EvictionEvent
  | PolicyChangeEvent;

export type RateLimitListener = (event: RateLimitEvent) => void;
