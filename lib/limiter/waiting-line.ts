import type { Decision } from '../contracts/decision.js';
import type { RateLimitExceededException } from '../contracts/rate-limit-exceeded.exception.js';
import { after, monotonicMs } from '../contracts/process-time.js';
import { MAX_TIMER_MS } from '../policies/duration.js';

/** One call that waits to be admitted. */
export interface Waiter {
  /** The units of its most expensive policy. */
  readonly cost: number;
  /** Its deadline, monotonic ms. */
  readonly deadlineMs: number;
  /** Asks the backend once. */
  readonly attempt: () => Promise<Decision>;
  /** The error of a final refusal. */
  readonly refusal: (decision: Decision & { readonly kind: 'limited' }) => RateLimitExceededException;
  readonly admitted: (decision: Decision) => void;
  readonly rejected: (error: unknown) => void;
}

/**
 * The waiting calls of one key and its policies, in order of arrival.
 *
 * Only the first call asks the backend, and not before a unit can be free: after an admission, the statuses contain the
 * time of the next unit; after a refusal, the time when the same call passes. So an admission costs about one call.
 */
export class WaitingLine {
  private readonly waiters: Waiter[] = [];
  private nextAttemptMs = 0;
  private running = false;
  private wake: (() => void) | undefined;

  /** @param whenEmpty called when no call waits any more */
  constructor(private readonly whenEmpty: () => void) {}

  get length(): number {
    return this.waiters.length;
  }

  join(waiter: Waiter): void {
    this.waiters.push(waiter);
    if (!this.running) void this.serve();
  }

  /** Removes a waiting call from any position; the result of its attempt is ignored. */
  leave(waiter: Waiter): void {
    const place = this.waiters.indexOf(waiter);
    if (place < 0) return;
    this.waiters.splice(place, 1);
    if (place === 0) this.wake?.();
  }

  private async serve(): Promise<void> {
    this.running = true;
    for (let head = this.waiters[0]; head !== undefined; head = this.waiters[0]) {
      const waitMs = this.nextAttemptMs - monotonicMs();
      if (waitMs > 0) await this.pause(waitMs);
      else await this.attempt(head);
    }
    this.running = false;
    this.whenEmpty();
  }

  private async attempt(head: Waiter): Promise<void> {
    try {
      const decision = await head.attempt();
      const nowMs = monotonicMs();
      if (decision.kind !== 'limited') {
        this.nextAttemptMs = nowMs + untilNext(decision, this.waiters[1]?.cost ?? head.cost);
        this.settle(head, () => head.admitted(decision));
        return;
      }
      const { retryAfterMs } = decision;
      if (retryAfterMs === null || nowMs + retryAfterMs > head.deadlineMs) {
        this.settle(head, () => head.rejected(head.refusal(decision)));
      }
      if (retryAfterMs !== null) this.nextAttemptMs = nowMs + retryAfterMs;
    } catch (error) {
      this.settle(head, () => head.rejected(error));
    }
  }

  private settle(waiter: Waiter, tell: () => void): void {
    const place = this.waiters.indexOf(waiter);
    if (place >= 0) this.waiters.splice(place, 1);
    tell();
  }

  /** Ends early when the first call leaves, so that no timer stays behind. */
  private pause(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.wake = undefined;
        resolve();
      };
      const cancel = after(Math.min(Math.ceil(waitMs), MAX_TIMER_MS), end);
      this.wake = end;
    });
  }
}

/** The minimum wait of the next call of a cost; 0 if its units are free. */
function untilNext({ policies }: Decision, cost: number): number {
  const waits = policies
    .filter(({ mode, remaining }) => mode === 'enforce' && remaining < cost)
    .map(({ nextUnitAfterMs, resetAfterMs }) => nextUnitAfterMs ?? Math.min(resetAfterMs, 1_000));
  return Math.max(0, ...waits);
}
