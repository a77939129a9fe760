import type { MaybePromise } from './maybe-promise.js';

/** A hint is valid for this time after the probe of its process is due, in ms. */
export const HINT_GRACE_MS = 2_000;

/** State from before a restart is stored for this time after its probe was due, in ms. */
export const KEPT_MS = 3_600_000;

/**
 * What one process reports about one of its circuits. Times are durations in ms, because the clocks of two processes
 * can differ.
 */
export interface CircuitReport {
  /** Name of the circuit; the key of a keyed circuit is hashed. */
  readonly circuit: string;
  /**
   * `kept`: from before a restart, for a breaker that this process has not created yet. It is stored, but it is not a
   * hint.
   */
  readonly state: 'open' | 'half-open' | 'kept';
  /** Open periods since the backoff last started over. */
  readonly step: number;
  readonly tripCount: number;
  /** Time until the next probe is due; 0 if it is. */
  readonly dueInMs: number;
}

/** What all other processes together report about one circuit. */
export interface PeersReport {
  readonly circuit: string;
  /** Processes whose circuit is open or half-open. */
  readonly open: number;
  /** How long this is valid as a hint unless it is renewed, in ms. */
  readonly hintForMs: number;
  /** The running or failed probe of another process. */
  readonly probe?: PeersProbe;
}

/** No other process may probe during this time. */
export interface PeersProbe {
  readonly forMs: number;
  /** Number of open periods of the process whose probe failed; 0 while the probe runs. */
  readonly step: number;
}

/** The answer to a claim of a probe; `undefined`: the process may probe. */
export type ProbeRefusal = PeersProbe | undefined;

/** Receives the reports of a store. */
export interface BreakerStateListener {
  /** Every circuit that another process has open or probes. All other circuits are closed, as far as is known. */
  heard(peers: readonly PeersReport[]): void;
  /** The circuits of a process that has ended. This process continues from there. */
  resumed(reports: readonly CircuitReport[]): void;
  /** A problem that somebody must fix, such as a file of another program. Reported once. */
  warn(what: string): void;
  /** The store is not available. The process continues alone. */
  away(error: unknown): void;
  /** The store is available again. */
  back(): void;
}

/**
 * Stores the open circuits of an application's processes: the contract for custom stores.
 *
 * Calls never wait for it. A store that is not available reports `away` and retries by itself.
 */
export interface BreakerStateStore {
  /** Shown in warnings. */
  readonly name: string;
  /** The number of other processes with an open circuit that opens the circuit here. Default: never. */
  readonly quorum?: number | undefined;
  /**
   * Joins the other processes. Resolves when the store is known to be available or not, after at most a second. Never
   * rejects.
   */
  open(listener: BreakerStateListener): MaybePromise<void>;
  /**
   * Reports all circuits of this process that are not closed. Called at each transition and every half second. A
   * circuit that is not reported again is forgotten 2 s after its probe is due.
   */
  tell(reports: readonly CircuitReport[]): void;
  /**
   * Claims the probe of a circuit. Only one process has it. The process that has it may ask again.
   *
   * @param forMs the maximum duration of the probe
   * @returns `undefined`: granted; or how long another process has it. Rejects if the store is not available.
   */
  claim(circuit: string, forMs: number): MaybePromise<ProbeRefusal>;
  /**
   * A probe of this process ended.
   *
   * @param keep for how long no other process may probe, because the probe failed; `undefined`: others may probe
   */
  settle(circuit: string, keep: PeersProbe | undefined): void;
  /** Leaves the other processes, and stores the open circuits for the next process. */
  close(): MaybePromise<void>;
}
