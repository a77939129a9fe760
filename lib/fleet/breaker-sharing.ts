import type { Breaker } from '../breaker/breaker.js';
import type { BreakerCensus, CircuitBreakerRegistry } from '../breaker/breaker.registry.js';
import { KEPT_MS, type BreakerStateStore, type CircuitReport, type PeersReport } from '../contracts/breaker-state.js';
import type { Clock } from '../contracts/breaker.js';
import { circuitName } from './circuit-name.js';
import { SharedCircuit } from './shared-circuit.js';

/** Maximum number of stored circuits whose breakers do not exist yet. */
const MAX_KEPT = 10_000;

/** A circuit from before a restart. Its breaker does not exist yet. */
interface Kept {
  readonly report: CircuitReport;
  readonly sinceMs: number;
}

/**
 * Reports open circuits to the store, and passes other processes' reports to the breakers. It has no timer: `tick` is
 * called every half second.
 */
export class BreakerSharing implements BreakerCensus {
  private readonly circuits = new Map<string, SharedCircuit>();
  private readonly leaving = new Map<Breaker, () => void>();
  private readonly kept = new Map<string, Kept>();
  private peers: ReadonlyMap<string, PeersReport> = new Map();
  private telling = false;

  constructor(
    private readonly registry: CircuitBreakerRegistry,
    private readonly store: BreakerStateStore,
    private readonly clock: Clock,
  ) {}

  /** Connects the existing and later breakers. */
  start(): void {
    this.registry.count(this);
  }

  stop(): void {
    this.registry.count(undefined);
    for (const leave of this.leaving.values()) leave();
    this.leaving.clear();
  }

  listed(breaker: Breaker): void {
    const name = circuitName(breaker.name);
    const circuit = new SharedCircuit(name, breaker, this.store);
    const ends = [
      breaker.join(circuit),
      breaker.onTransition((transition) => {
        circuit.moved(transition);
        this.tell();
      }),
    ];
    this.circuits.set(name, circuit);
    this.leaving.set(breaker, () => {
      ends.forEach((end) => end());
      circuit.leave();
      this.circuits.delete(name);
    });
    this.resume(name, breaker);
    circuit.heard(this.peers.get(name), this.quorum);
  }

  dropped(breaker: Breaker): void {
    this.leaving.get(breaker)?.();
    this.leaving.delete(breaker);
    this.tell();
  }

  heard(peers: readonly PeersReport[]): void {
    this.peers = new Map(peers.map((one) => [one.circuit, one]));
    for (const circuit of this.circuits.values()) circuit.heard(this.peers.get(circuit.name), this.quorum);
  }

  /** Continues from the state of an ended process. */
  resumed(reports: readonly CircuitReport[]): void {
    const sinceMs = this.clock();
    for (const report of reports.slice(0, MAX_KEPT)) this.kept.set(report.circuit, { report, sinceMs });
    for (const breaker of this.leaving.keys()) this.resume(circuitName(breaker.name), breaker);
    this.tell();
  }

  /** The store is not available. */
  forget(): void {
    this.peers = new Map();
    for (const circuit of this.circuits.values()) circuit.forget();
  }

  /** Renews the reports, and gives back unused rights. */
  tick(): void {
    for (const circuit of this.circuits.values()) circuit.tick();
    this.tell();
  }

  private get quorum(): number {
    return this.store.quorum ?? Number.POSITIVE_INFINITY;
  }

  /** Reports the open circuits of this process; once none is open, it reports that once. */
  private tell(): void {
    const reports = this.reports();
    if (reports.length === 0 && !this.telling) return;
    this.telling = reports.length > 0;
    this.store.tell(reports);
  }

  private reports(): CircuitReport[] {
    const reports: CircuitReport[] = [];
    for (const circuit of this.circuits.values()) {
      const report = circuit.report();
      if (report !== undefined) reports.push(report);
    }
    const nowMs = this.clock();
    for (const [name, { report, sinceMs }] of this.kept) {
      const dueInMs = report.dueInMs - (nowMs - sinceMs);
      if (dueInMs < -KEPT_MS) this.kept.delete(name);
      else reports.push({ ...report, state: 'kept', dueInMs: Math.max(0, dueInMs) });
    }
    return reports;
  }

  private resume(name: string, breaker: Breaker): void {
    const kept = this.kept.get(name);
    if (kept === undefined) return;
    this.kept.delete(name);
    const { state, mode } = breaker.status();
    if (state !== 'closed' || mode !== 'auto') return;
    const { step, tripCount, dueInMs } = kept.report;
    breaker.restore({
      version: 1,
      takenAt: Date.now(),
      mode: 'auto',
      state: 'open',
      backoffStep: step,
      tripCount,
      retryAfterMs: Math.max(0, dueInMs - (this.clock() - kept.sinceMs)),
      closedForMs: 0,
    });
  }
}
