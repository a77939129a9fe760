import { Inject, Injectable } from '@nestjs/common';
import type { BackendHealth, BackendStatus } from '../contracts/backend.js';
import type { Decision } from '../contracts/decision.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { Duration, FailureMode, PolicyInput } from '../contracts/policy.js';
import { isCost, type CompiledPolicy } from '../policies/compiled-policy.js';
import { MAX_TIMER_MS, parseDuration } from '../policies/duration.js';
import { oneOf, onlyKnown } from '../policies/option-checks.js';
import { PolicyCatalog } from '../policies/policy-catalog.js';
import { checkApart } from '../policies/policy-identity.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.options.js';
import { boundedKey } from './bounded-key.js';
import { distinct } from './charges.js';
import { Decider, type Outcome } from './decider.js';
import { notCounted } from './decisions.js';
import { failureModeOf } from './failure-mode.js';
import { BackendLease, type Lease } from './lease.js';
import { exceeded, type DecisionRequest, type PolicyDecisionRequest } from './decision-request.js';

/** How one call differs from what the policies say. */
export interface ConsumeOptions {
  /** Units for each policy. Default: each policy's own cost. */
  readonly cost?: number;
  /** What this call gets when no backend can decide. Default: the policies', else the module's. */
  readonly failureMode?: FailureMode;
  /** Deadline of one backend call, at most 24 days. Default: the module's. */
  readonly timeout?: Duration;
  /** Ends the wait: the call rejects with the signal's reason, whatever the backend still does. */
  readonly signal?: AbortSignal;
}

type Policies = PolicyInput | readonly PolicyInput[];

/**
 * Counts, asks and gives back, on the backend of the module: what the guard does for requests, for anything else.
 *
 * Every call passes the backend's deadline and circuit breaker; when no backend can decide, the failure mode does. A
 * key is taken verbatim, so one that the guard uses (`user:42`) names the same counter here.
 */
@Injectable()
export class BackendService {
  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(Decider) private readonly decider: Decider,
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
  ) {}

  /**
   * Charges a key under one policy or several: all of them or none.
   *
   * @param key who is limited, verbatim; not empty
   * @param policies names of the module's, rates, or options
   * @returns the decision; being limited is a value, not an error
   * @throws BackendUnavailableError when no backend can decide and the failure mode is `closed`
   * @throws RateLimitConfigurationError for a policy or an option that is wrong
   * @example
   * const decision = await backend.consume(`tenant:${id}`, 'exports', { cost: rows });
   * if (!decision.allowed) return { retryInMs: decision.retryAfterMs };
   */
  async consume(key: string, policies: Policies, options: ConsumeOptions = {}): Promise<Decision> {
    const request = this.requestOf(key, policies, options);
    const { signal } = options;
    signal?.throwIfAborted();
    const charging = this.charged(request);
    return (await (signal === undefined ? charging : untilAborted(charging, signal))).decision;
  }

  /** What `consume` with cost 0 would answer; nothing is charged. Fails as `consume` does. */
  async peek(key: string, policies: Policies): Promise<Decision> {
    const request = this.requestOf(key, policies, { cost: 0 });
    if (!this.settings.enabled) return notCounted('disabled');
    return (await this.decider.peek(request)).decision;
  }

  /**
   * Gives units back, never above the limit.
   *
   * @param cost default: each policy's own cost
   * @throws BackendUnavailableError when the backend is out of reach and the failure mode is `closed`
   */
  async refund(key: string, policies: Policies, cost?: number): Promise<void> {
    const request = this.requestOf(key, policies, cost === undefined ? {} : { cost });
    if (this.settings.enabled) await this.decider.refund(request);
  }

  /**
   * Forgets the counters of these policies for this key, blocks included.
   *
   * @throws BackendUnavailableError when the backend is out of reach, whatever the failure mode
   */
  async reset(key: string, policies: Policies): Promise<void> {
    await this.decider.reset(this.requestOf(key, policies, { cost: 0 }));
  }

  /**
   * Charges an estimate and holds it, to be corrected, kept or given back.
   *
   * @throws RateLimitExceededException when the call is limited
   * @throws BackendUnavailableError when no backend can decide and the failure mode is `closed`
   * @example
   * await using lease = await backend.acquire(user, 'tokens', { cost: 2_000 });
   * const answer = await model.ask(prompt);
   * await lease.adjust(answer.tokens - 2_000);
   * lease.settle();
   */
  async acquire(key: string, policies: Policies, options: ConsumeOptions = {}): Promise<Lease> {
    const request = this.requestOf(key, policies, options);
    const { signal } = options;
    signal?.throwIfAborted();
    const granting = this.granted(request);
    if (signal === undefined) return granting;
    return untilAborted(granting, signal, () => {
      // Nobody will hold the lease that may still be granted.
      granting.then((lease) => lease.release()).catch(() => undefined);
    });
  }

  /**
   * Works under a lease: keeps the charge when the work succeeds, gives it back when it throws.
   *
   * @throws what the work throws; and what `acquire` throws
   */
  async withLease<T>(
    key: string,
    policies: Policies,
    work: (lease: Lease) => T | Promise<T>,
    options: ConsumeOptions = {},
  ): Promise<T> {
    const lease = await this.acquire(key, policies, options);
    try {
      const result = await work(lease);
      lease.settle();
      return result;
    } catch (error) {
      // The work's own error is what the caller must see: a backend that is down by now would hide it.
      await lease.release().catch(() => undefined);
      throw error;
    }
  }

  /** What is known of the backends without asking them. */
  status(): BackendStatus {
    return this.decider.status();
  }

  /**
   * Pings each backend through its breaker; when a circuit is open and a probe is due, the ping is the probe. Bounded by
   * the deadline, and never rejects. A failover is healthy while any of its members is.
   */
  health(): Promise<BackendHealth> {
    return this.decider.health();
  }

  /** Closes the circuits of all backends, so that the next call tries them again at once. */
  resetCircuitBreaker(): void {
    for (const { breaker } of this.decider.guards) breaker?.reset();
  }

  /** @throws RateLimitExceededException when the call is limited */
  private async granted(request: PolicyDecisionRequest): Promise<Lease> {
    const outcome = await this.charged(request);
    if (outcome.decision.kind === 'limited') throw exceeded(request, outcome.decision);
    return new BackendLease(outcome, request.charges, {
      charge: async (charges, overdraw) => this.charged({ ...request, charges, overdraw }),
      refund: (charges, receipt) => this.decider.refund({ ...request, charges }, receipt),
    });
  }

  private requestOf(key: string, policies: Policies, options: ConsumeOptions): PolicyDecisionRequest {
    const compiled = [policies].flat().map((input) => this.catalog.forService(input));
    if (compiled.length === 0) {
      throw new RateLimitConfigurationError('policies', policies, 'Give at least one policy.');
    }
    checkApart('policies', compiled);
    onlyKnown('options', options, ['cost', 'failureMode', 'timeout', 'signal']);
    const { failureMode, timeout, cost } = options;
    if (failureMode !== undefined) oneOf('failureMode', failureMode, ['closed', 'open', 'local']);
    const bounded = boundedKey(key);
    return {
      policies: compiled,
      charges: distinct(compiled.map((one) => ({ key: bounded, policy: one.policy, cost: costOf(one, cost) }))),
      failureMode: failureMode ?? failureModeOf(compiled, this.settings.failureMode),
      timeoutMs: timeout === undefined ? this.settings.timeoutMs : parseDuration('timeout', timeout, MAX_TIMER_MS),
    };
  }

  private async charged(request: DecisionRequest): Promise<Outcome> {
    return this.settings.enabled ? this.decider.decide(request) : this.decider.disabled();
  }
}

function costOf({ cost: own, policy }: CompiledPolicy, given: number | undefined): number {
  const cost = given ?? own;
  if (isCost(cost)) return cost;
  throw typeof cost === 'function'
    ? new TypeError(`The cost of policy '${policy.name}' is a function of a request: give options.cost.`)
    : new TypeError(`A cost is a whole number of at least 0; received ${String(cost)}.`);
}

/** Waits for an outcome, or rejects with the signal's reason as soon as it is aborted. */
async function untilAborted<T>(outcome: Promise<T>, signal: AbortSignal, onAbort?: () => void): Promise<T> {
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => {
      reject(signal.reason as Error);
      onAbort?.();
    };
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([outcome, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
