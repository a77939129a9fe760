import type { BreakerStateListener, CircuitReport, PeersReport } from '../../lib/contracts/breaker-state.js';

/** Keeps what a store tells. */
export class RecordingListener implements BreakerStateListener {
  peers: readonly PeersReport[] = [];
  readonly resumes: CircuitReport[] = [];
  readonly warnings: string[] = [];
  readonly outages: unknown[] = [];
  returns = 0;

  heard(peers: readonly PeersReport[]): void {
    this.peers = peers;
  }

  resumed(reports: readonly CircuitReport[]): void {
    this.resumes.push(...reports);
  }

  warn(what: string): void {
    this.warnings.push(what);
  }

  away(error: unknown): void {
    this.outages.push(error);
  }

  back(): void {
    this.returns += 1;
  }
}
