import type { Backend } from '../contracts/backend.js';
import type { Clock } from '../contracts/breaker.js';
import { isPromise } from '../contracts/maybe-promise.js';
import { GuardedBackend } from './guarded-backend.js';

/** When a member that failed is used again. */
export interface Failback {
  readonly probes: number;
  readonly intervalMs: number;
  readonly clock: Clock;
}

/**
 * A member of a failover. It is in service while its circuit is closed.
 *
 * A circuit that opened closes again once the member has answered some pings in a row, apart in time: a backend that
 * flaps stays out. Calls that come meanwhile send the pings, and none of them waits for one.
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

/** A ping that failed opened the circuit again, and one that was not let through had not come due. */
function heardByBreaker(): void {
  // The breaker tells when the next one is.
}
