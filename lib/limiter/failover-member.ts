import type { Backend } from '../contracts/backend.js';
import type { Clock } from '../contracts/breaker.js';
import { isPromise } from '../contracts/maybe-promise.js';
import { GuardedBackend } from './guarded-backend.js';

/** When a failed member is used again. */
export interface Failback {
  readonly probes: number;
  readonly intervalMs: number;
  readonly clock: Clock;
}

/**
 * A member of a failover. It is in service while its circuit is closed.
 *
 * An open circuit closes after several successful pings in a row with pauses between them, so a backend that flaps
 * stays out. Calls trigger the pings, and no call waits for one.
 */
export class FailoverMember {
  readonly guard: GuardedBackend;
  private lastPingMs = Number.NEGATIVE_INFINITY;

  constructor(
    backend: Backend,
    private readonly failback: Failback,
  ) {
    this.guard = new GuardedBackend(backend, { successThreshold: failback.probes });
  }

  inService(timeoutMs: number): boolean {
    if (!this.guard.isClosed()) this.ping(timeoutMs);
    return this.guard.isClosed();
  }

  private ping(timeoutMs: number): void {
    const nowMs = this.failback.clock();
    if (nowMs - this.lastPingMs < this.failback.intervalMs) return;
    try {
      const answer = this.guard.pingWithin(timeoutMs);
      this.lastPingMs = nowMs;
      if (isPromise(answer)) answer.catch(heardByBreaker);
    } catch {
      heardByBreaker();
    }
  }
}

/** A failed ping opened the circuit again; a rejected ping was not due yet. */
function heardByBreaker(): void {
  // The breaker knows when the next one is due.
}
