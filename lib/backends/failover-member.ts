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

/** How far a member that is out of service has proved itself. */
interface Recovery {
  answered: number;
  lastPingMs: number;
  pinging: boolean;
}

/**
 * A member of a failover, and whether it is in service.
 *
 * It goes out of service when its circuit opens, and comes back after it has answered some pings in a row, apart in
 * time: a backend that flaps stays out. Calls that come meanwhile send the pings, and none of them waits for one.
 */
export class FailoverMember {
  readonly guard: GuardedBackend;
  private recovery: Recovery | undefined;

  constructor(
    backend: Backend,
    private readonly failback: Failback,
  ) {
    this.guard = new GuardedBackend(backend);
  }

  inService(timeoutMs: number): boolean {
    if (this.recovery === undefined) {
      if (this.guard.isClosed()) return true;
      this.recovery = { answered: 0, lastPingMs: Number.NEGATIVE_INFINITY, pinging: false };
    }
    this.prove(this.recovery, timeoutMs);
    return this.recovery === undefined;
  }

  private prove(recovery: Recovery, timeoutMs: number): void {
    const nowMs = this.failback.clock();
    if (recovery.pinging || nowMs - recovery.lastPingMs < this.failback.intervalMs) return;
    recovery.pinging = true;
    recovery.lastPingMs = nowMs;
    try {
      const answer = this.guard.pingWithin(timeoutMs);
      if (!isPromise(answer)) return this.answered(recovery);
      answer.then(
        () => this.answered(recovery),
        () => this.silent(recovery),
      );
    } catch {
      this.silent(recovery);
    }
  }

  private answered(recovery: Recovery): void {
    recovery.pinging = false;
    recovery.answered += 1;
    if (recovery.answered >= this.failback.probes && this.guard.isClosed()) this.recovery = undefined;
  }

  private silent(recovery: Recovery): void {
    recovery.pinging = false;
    recovery.answered = 0;
  }
}
