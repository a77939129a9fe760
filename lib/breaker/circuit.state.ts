import type { Tally } from './trip-rules.js';

/** What all states have. */
export interface Generation {
  /** Raised by every transition: an outcome is heard only in the generation that let its call through. */
  readonly generation: number;
  /** Open periods since the backoff last started over: the k of the k-th period. */
  readonly step: number;
}

/** Calls pass and are counted. */
export interface Closed extends Generation {
  readonly kind: 'closed';
  readonly sinceMs: number;
  /** Made by the first outcome that matters, so that an idle breaker holds none. */
  readonly tally: Tally | undefined;
  /** The generation of the probes that closed it; `undefined`: none did. */
  readonly probes: number | undefined;
}

/** Calls are rejected until the next probe is due. */
export interface Open extends Generation {
  readonly kind: 'open';
  readonly sinceMs: number;
  readonly untilMs: number;
  /** What jitter left of the period, up to 1. */
  readonly share: number;
}

/** A few calls pass as probes. */
export interface HalfOpen extends Generation {
  readonly kind: 'half-open';
  readonly successes: number;
  /** Deadlines of the slots taken. Slots of one deadline are interchangeable, so a deadline names its slot. */
  readonly leases: readonly number[];
}

/** Calls are rejected until told otherwise. */
export interface ForcedOpen extends Generation {
  readonly kind: 'forced-open';
}

/** Calls pass and nobody counts. */
export interface Disabled extends Generation {
  readonly kind: 'disabled';
}

export type CircuitState = Closed | Open | HalfOpen | ForcedOpen | Disabled;

/** A stream that passed as a probe, after its first value: its verdict is given and its slot free. */
export interface AnsweredProbe {
  readonly kind: 'answered';
  /** Of the half-open period that let it through. */
  readonly generation: number;
}

/**
 * The state that let a call through: what an outcome has to show. While half-open, its latest lease is that call's.
 */
export type Admission = CircuitState | AnsweredProbe;

/** Where every breaker starts: one object for all of them. */
export const INITIAL_STATE: Closed = Object.freeze({
  kind: 'closed',
  generation: 0,
  step: 0,
  sinceMs: 0,
  tally: undefined,
  probes: undefined,
});
