import type { Tally } from './trip-rules.js';

/** The common part of all states. */
export interface Generation {
  /** Increased by every transition: an outcome only counts in the generation that admitted its call. */
  readonly generation: number;
  /** Number of open periods since the backoff last started again: the k of the k-th period. */
  readonly step: number;
}

/** Calls pass and are counted. */
export interface Closed extends Generation {
  readonly kind: 'closed';
  readonly sinceMs: number;
  /** Created by the first outcome that matters, so an idle breaker has none. */
  readonly tally: Tally | undefined;
  /** The generation of the probes that closed it; `undefined`: no probe did. */
  readonly probes: number | undefined;
}

/** Calls are rejected until the next probe is due. */
export interface Open extends Generation {
  readonly kind: 'open';
  readonly sinceMs: number;
  readonly untilMs: number;
  /** The share of the period after jitter, up to 1. */
  readonly share: number;
}

/** A few calls pass as probes. */
export interface HalfOpen extends Generation {
  readonly kind: 'half-open';
  readonly successes: number;
  /** Deadlines of the used slots. Slots with the same deadline are interchangeable, so a deadline identifies a slot. */
  readonly leases: readonly number[];
}

/** Calls are rejected until `reset`, `enable` or `disable`. */
export interface ForcedOpen extends Generation {
  readonly kind: 'forced-open';
}

/** Calls pass uncounted. */
export interface Disabled extends Generation {
  readonly kind: 'disabled';
}

export type CircuitState = Closed | Open | HalfOpen | ForcedOpen | Disabled;

/** A stream that was a probe, after its first value: the probe is decided, and its slot is free. */
export interface AnsweredProbe {
  readonly kind: 'answered';
  /** The generation of the half-open period that admitted it. */
  readonly generation: number;
}

/**
 * The state that admitted a call; an outcome must present it. While half-open, the latest lease is that of the call.
 */
export type Admission = CircuitState | AnsweredProbe;

/** The first state of every breaker: one shared object. */
export const INITIAL_STATE: Closed = Object.freeze({
  kind: 'closed',
  generation: 0,
  step: 0,
  sinceMs: 0,
  tally: undefined,
  probes: undefined,
});
