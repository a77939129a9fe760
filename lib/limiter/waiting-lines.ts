import { Inject, Injectable } from '@nestjs/common';
import type { Decision } from '../contracts/decision.js';
import type { Duration } from '../contracts/policy.js';
import { after, monotonicMs } from '../contracts/process-time.js';
import { MAX_TIMER_MS, parseDuration } from '../policies/duration.js';
import { Decider } from './decider.js';
import { exceeded, type PolicyDecisionRequest } from './decision-request.js';
import { pauseCharge, pauseKey } from './key-pause.js';
import { type Waiter, WaitingLine } from './waiting-line.js';

/** Options of `waitFor`. */
export interface WaitOptions {
  /** Units for each policy. Default: each policy's own cost. */
  readonly cost?: number;
  /** Maximum wait, at most 24 days. */
  readonly maxWait: Duration;
  /** Ends the wait: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The queues of waiting calls, one for each key and set of policies. */
@Injectable()
export class WaitingLines {
  private readonly lines = new Map<string, WaitingLine>();

  constructor(@Inject(Decider) private readonly decider: Decider) {}

  /** @throws RateLimitExceededException, the signal's reason, or what the backend's failure mode says */
  wait(request: PolicyDecisionRequest, { maxWait, signal }: WaitOptions): Promise<Decision> {
    const deadlineMs = monotonicMs() + parseDuration('maxWait', maxWait, MAX_TIMER_MS);
    signal?.throwIfAborted();
    const line = this.lineOf(request);
    return new Promise<Decision>((resolve, reject) => {
      const done = (): void => {
        cancel();
        signal?.removeEventListener('abort', abort);
      };
      let latest: (Decision & { readonly kind: 'limited' }) | undefined;
      const waiter: Waiter = {
        cost: Math.max(...request.charges.map(({ cost }) => cost)),
        deadlineMs,
        attempt: async () => {
          const decision = await this.decided(request);
          if (decision.kind === 'limited') latest = decision;
          return decision;
        },
        refusal: (decision) => exceeded(request, decision),
        admitted: (decision) => {
          done();
          resolve(decision);
        },
        rejected: (error) => {
          done();
          reject(error as Error);
        },
      };
      const leave = (error: unknown): void => {
        line.leave(waiter);
        waiter.rejected(error);
      };
      const abort = (): void => leave(signal?.reason);
      const cancel = after(deadlineMs - monotonicMs(), () => leave(exceeded(request, latest ?? stillWaiting())));
      signal?.addEventListener('abort', abort, { once: true });
      line.join(waiter);
    });
  }

  /** Pauses the keys of a request, for all processes that share the store. */
  async pause({ charges, failureMode, timeoutMs }: PolicyDecisionRequest, pauseMs: number): Promise<void> {
    const keys = new Set(charges.map(({ key }) => key));
    await Promise.all([...keys].map((key) => pauseKey(this.decider, key, { pauseMs, failureMode, timeoutMs })));
  }

  private async decided(request: PolicyDecisionRequest): Promise<Decision> {
    const keys = new Set(request.charges.map(({ key }) => key));
    const charges = [...request.charges, ...[...keys].map(pauseCharge)];
    const { decision } = await this.decider.decide({ ...request, charges });
    return { ...decision, policies: decision.policies.slice(0, request.charges.length) };
  }

  private lineOf({ charges }: PolicyDecisionRequest): WaitingLine {
    const id = JSON.stringify(charges.map(({ key, policy }) => [policy.id, key]));
    let line = this.lines.get(id);
    if (line === undefined) {
      line = new WaitingLine(() => this.lines.delete(id));
      this.lines.set(id, line);
    }
    return line;
  }
}

/** The decision of a call that waited behind others all the time, so the store was never asked. */
const stillWaiting = (): Decision & { readonly kind: 'limited' } => ({
  kind: 'limited',
  allowed: false,
  source: 'none',
  backend: null,
  policies: [],
  retryAfterMs: 0,
});
