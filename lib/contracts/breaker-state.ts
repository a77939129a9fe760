import type { MaybePromise } from './maybe-promise.js';

/** A hint outlives the due time of the process that gives it by this, in ms. */
export const HINT_GRACE_MS = 2_000;

/** What is known from before a restart is kept for so long after its probe was due, in ms. */
export const KEPT_MS = 3_600_000;

/**
 * What one process says of one of its circuits. Times are lengths, in ms: the clocks of two processes need not agree.
 */
export interface CircuitReport {
  /** Name of the circuit; the key of one that has a key is hashed. */
  readonly circuit: string;
  /** `kept`: from before a restart, of a breaker that this process has not made yet. It is stored, and no hint. */
  readonly state: 'open' | 'half-open' | 'kept';
  /** Open periods since the backoff last started over. */
  readonly step: number;
  readonly tripCount: number;
  /** Time until the next probe is due; 0 if it is. */
  readonly dueInMs: number;
}

/** What all other processes together say of one circuit. */
export interface PeersReport {
  readonly circuit: string;
  /** Processes whose circuit is open or half-open. */
  readonly open: number;
  /** How long that holds as a hint unless it is renewed, in ms. */
  readonly hintForMs: number;
  /** The probe of another process, under way or failed. */
  readonly probe?: PeersProbe;
}

/** Nobody else may probe while this holds. */
export interface PeersProbe {
  readonly forMs: number;
  /** Open periods of the process whose probe failed; 0 while it is under way. */
  readonly step: number;
}

/** The answer to one who asks for the probe of a circuit; `undefined`: it has it. */
export type ProbeRefusal = PeersProbe | undefined;

/** Hears what a store has to tell. */
export interface BreakerStateListener {
  /** What the others say of every circuit that one of them has open, or probes. Others are closed, as far as is known. */
  heard(peers: readonly PeersReport[]): void;
  /** What a process that has ended knew of its circuits: this process goes on from there. */
  resumed(reports: readonly CircuitReport[]): void;
  /** Something is wrong that somebody has to mend, such as a file of another program. Told once. */
  warn(what: string): void;
  /** The store is out of reach: the process goes on alone. */
  away(error: unknown): void;
  /** The store is within reach again. */
  back(): void;
}

/**
 * Keeps what the processes of an application know of their open circuits: the contract for third parties.
 *
 * Nothing of it is waited for by a call. A store that is out of reach tells `away` and tries again by itself.
 */
export interface BreakerStateStore {
  /** Shown in warnings. */
  readonly name: string;
  /** How many other processes open a circuit here by having it open. Default: never. */
  readonly quorum?: number | undefined;
  /**
   * Joins the others. Resolves when the store is known to be there or to be away, after a second at the latest; never
   * rejects.
   */
  open(listener: BreakerStateListener): MaybePromise<void>;
  /**
   * All circuits of this process that are not closed. Told at each transition, and every half second: what is not told
   * again is forgotten when it is due, 2 s later.
   */
  tell(reports: readonly CircuitReport[]): void;
  /**
   * Asks for the probe of a circuit, of which there is one among all processes. Who has it may ask again.
   *
   * @param forMs when it is over at the latest
   * @returns `undefined`: granted; or who has it, and for how long. It rejects if the store is out of reach.
   */
  claim(circuit: string, forMs: number): MaybePromise<ProbeRefusal>;
  /**
   * A probe of this process ended.
   *
   * @param keep until when nobody else may probe, because it failed; `undefined`: it is free
   */
  settle(circuit: string, keep: PeersProbe | undefined): void;
  /** Leaves the others, and keeps what is open for the process that comes after this one. */
  close(): MaybePromise<void>;
}
