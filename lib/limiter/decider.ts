import { Inject, Injectable } from '@nestjs/common';
import { MemoryBackend } from '../backends/memory/memory.backend.js';
import { CircuitBreakerRegistry } from '../breaker/breaker.registry.js';
import type { Backend, BackendHealth, BackendStatus, Reply } from '../contracts/backend.js';
import type { Decision, DecisionSource } from '../contracts/decision.js';
import { CLEAR, type Clearable } from '../contracts/clearable.js';
import { isUnavailable } from '../contracts/errors.js';
import { isPromise, type MaybePromise } from '../contracts/maybe-promise.js';
import { decisionEvent } from '../observe/decision-event.js';
import { RateLimitEvents } from '../observe/rate-limit-events.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { CarryOver } from './carry-over.js';
import type { DecisionRequest } from './decision-request.js';
import { decisionOf, failedOpen, notCounted } from './decisions.js';
import { FailoverBackend } from './failover.backend.js';
import { GuardedBackend } from './guarded-backend.js';
import { breakerName } from './backend-breaker.js';
import { LOCAL, LocalLimiter } from './local-limiter.js';
import { logMistake } from './mistake-log.js';

type Verb = 'consume' | 'peek';

/** A decision and the store's time; `null` if no store decided. */
export interface Outcome {
  readonly decision: Decision;
  readonly atMs: number | null;
}

/** The backend and time of a charge that is given back. */
export interface Receipt {
  readonly source: DecisionSource;
  readonly backend: string | null;
  readonly atMs: number | null;
}

/**
 * Asks the backends through their guards. If no backend can decide, the failure mode answers. This is the only place
 * where an outage becomes a decision or an error.
 */
@Injectable()
export class Decider {
  /** Every backend behind its guard: one, or the members of a failover. */
  readonly guards: readonly GuardedBackend[];
  private readonly backend: Backend;
  private readonly local: LocalLimiter;
  private readonly carryOver: CarryOver;
  private readonly stopped = new AbortController();

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(RateLimitEvents) private readonly events: RateLimitEvents,
    @Inject(CircuitBreakerRegistry) registry: CircuitBreakerRegistry,
  ) {
    const { backend, localShare, circuitBreaker, timeoutMs } = settings;
    this.local = new LocalLimiter(localShare);
    this.backend = backend instanceof FailoverBackend ? backend : new GuardedBackend(backend);
    this.carryOver = new CarryOver(this.backend);
    this.guards = this.backend instanceof FailoverBackend ? this.backend.members : [this.backend as GuardedBackend];
    for (const guard of this.guards) {
      guard.connect({ circuitBreaker, timeoutMs, notify: (event) => this.events.emit(event), events: this.events });
      if (guard.breaker !== null) registry.adopt(breakerName(guard.name), guard.breaker);
    }
  }

  /** Charges all policies or none, and emits the decision. Synchronous if the backend is. */
  decide(request: DecisionRequest): MaybePromise<Outcome> {
    return this.decideThen(request, itself);
  }

  /** The same, and goes on with the outcome: without a further promise. */
  decideThen<R>(request: DecisionRequest, then: (outcome: Outcome) => R): MaybePromise<R> {
    if (!this.events.heard) return this.answered(request, 'consume', then);
    const startedMs = performance.now();
    return this.answered(request, 'consume', (outcome) => {
      this.told(request, outcome, startedMs);
      return then(outcome);
    });
  }

  /** The decision of a disabled limiter. */
  disabled(): Outcome {
    const decision = notCounted('disabled');
    if (this.events.heard) this.events.emit(decisionEvent(decision, {}, 0));
    return { decision, atMs: null };
  }

  /** The same without an event, for callers that ask repeatedly. */
  ask(request: DecisionRequest): MaybePromise<Outcome> {
    return this.answered(request, 'consume', itself);
  }

  /** The decision of a call that costs nothing. Charges, stores and emits nothing. */
  peek(request: DecisionRequest): MaybePromise<Outcome> {
    return this.answered(request, 'peek', itself);
  }

  /**
   * Gives units back to the backend that charged them; without a receipt, to the one that would be charged now. If that
   * backend is not available, the units stay charged: giving them back elsewhere would create extra quota.
   */
  async refund(request: DecisionRequest, receipt?: Receipt): Promise<void> {
    const refund = { ...request, ...(receipt?.atMs != null && { chargedAtMs: receipt.atMs }) };
    if (receipt?.source === 'local') return this.local.refund(refund);
    try {
      await this.backend.refund({ ...refund, ...(receipt?.backend != null && { backend: receipt.backend }) });
    } catch (error) {
      if (!isUnavailable(error) || request.failureMode === 'closed') throw error;
      if (request.failureMode === 'local' && receipt === undefined) this.local.refund(refund);
    }
  }

  /**
   * Renews the leases of slots at the backend that gave them.
   *
   * @throws BackendUnavailableError if the backend is not available
   */
  async renew(request: DecisionRequest, { source, backend }: Receipt): Promise<void> {
    if (source === 'local') return this.local.renew(request);
    await this.backend.renew?.({ ...request, ...(backend !== null && { backend }) });
  }

  /** Resets counters in the backend and in this process. */
  async reset(request: DecisionRequest): Promise<void> {
    this.local.reset(request);
    await this.backend.reset(request);
  }

  status(): BackendStatus {
    const backends = this.guards.map(({ name, breaker }) => ({ name, breaker: breaker?.status() ?? null }));
    return { failureMode: this.settings.failureMode, backends };
  }

  async health(): Promise<BackendHealth> {
    const backends = await Promise.all(this.guards.map((guard) => guard.health(this.settings.timeoutMs)));
    // Calls get the configuration mistake of a single member, because only outages fail over.
    return { healthy: backends.some(({ healthy }) => healthy) && !backends.some(({ mistake }) => mistake), backends };
  }

  /** Keeps the backends open until this application ends, even if another application closes. */
  join(): void {
    for (const guard of this.guards) guard.join();
  }

  /** Connects the backends and logs configuration mistakes. Called when the application listens. */
  start(): void {
    if (!this.settings.enabled) return;
    for (const guard of this.guards) {
      guard.open();
      void logMistake(guard.inner, this.stopped.signal);
    }
  }

  /** Number of counters in memory in this process: of memory backends, and of failure mode `local`. */
  memoryKeys(): number {
    const sizes = this.guards.map(({ inner }) => (inner instanceof MemoryBackend ? inner.size : 0));
    return sizes.reduce((sum, size) => sum + size, this.local.size);
  }

  /**
   * Removes all counters of this process, in its backends and in failure mode `local`; for tests.
   *
   * @returns names of the backends with counters outside of the process
   */
  clear(): readonly string[] {
    this.local.clear();
    const kept = this.guards.filter(({ inner }) => (inner as Partial<Clearable>)[CLEAR]?.() !== true);
    return kept.map(({ name }) => name);
  }

  async close(): Promise<void> {
    this.stopped.abort();
    await this.backend.close();
  }

  private answered<R>(request: DecisionRequest, verb: Verb, then: (outcome: Outcome) => R): MaybePromise<R> {
    if (request.settled !== undefined) return then({ decision: request.settled, atMs: null });
    const carrying = request.carried && this.carryOver.before(request.carried, request.timeoutMs);
    if (carrying === undefined) return this.asked(request, verb, then);
    return carrying.then(() => this.asked(request, verb, then)) as Promise<R>;
  }

  private asked<R>(request: DecisionRequest, verb: Verb, then: (outcome: Outcome) => R): MaybePromise<R> {
    let reply: MaybePromise<Reply>;
    try {
      reply = this.backend[verb](request);
    } catch (error) {
      return then(this.withoutBackend(request, verb, error));
    }
    if (!isPromise(reply)) return then(this.outcomeOf(reply));
    return reply.then(
      (one) => then(this.outcomeOf(one)),
      (error: unknown) => then(this.withoutBackend(request, verb, error)),
    );
  }

  private outcomeOf(reply: Reply): Outcome {
    return { decision: decisionOf(reply, this.backend.name, 'primary'), atMs: reply.nowMs };
  }

  /** The answer of the failure mode. An error that is not an outage is thrown in every mode. */
  private withoutBackend(request: DecisionRequest, verb: Verb, error: unknown): Outcome {
    if (!isUnavailable(error)) throw error;
    const { failureMode } = request;
    switch (failureMode) {
      case 'closed':
        throw error;
      case 'open':
        return { decision: failedOpen(error), atMs: null };
      case 'local': {
        const reply = this.local[verb](request, error.retryAfterMs);
        return { decision: decisionOf(reply, LOCAL, 'local'), atMs: reply.nowMs };
      }
      default:
        return failureMode satisfies never;
    }
  }

  /** Emits a decision of `ask`. */
  told(request: DecisionRequest, { decision }: Outcome, startedMs: number): void {
    if (!this.events.heard) return;
    this.events.emit(decisionEvent(decision, request, performance.now() - startedMs), request.charges);
  }
}

const itself = (outcome: Outcome): Outcome => outcome;
