import { Inject, Injectable } from '@nestjs/common';
import type { BackendHealth, BackendStatus } from '../contracts/backend.js';
import type { Decision } from '../contracts/decision.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { isPromise, type MaybePromise, when } from '../contracts/maybe-promise.js';
import { onlyKnown } from '../policies/option-checks.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { Admission, asksForSlots } from './admission.js';
import { Decider, type Outcome } from './decider.js';
import { type DecisionRequest, exceeded, type PolicyDecisionRequest } from './decision-request.js';
import { notCounted } from './decisions.js';
import { isSlot } from './held-slots.js';
import { BackendLease, type Lease, type LeaseAccount } from './lease.js';
import { type Limiter, LimiterHandle } from './limiter-handle.js';
import { PolicyStoreSync } from './policy-store.sync.js';
import type { Policies } from './service-policies.js';
import { type ConsumeOptions, NO_OPTIONS, ServiceRequests, type SubjectInput } from './service-requests.js';
import { type WaitOptions, WaitingLines } from './waiting-lines.js';
import { untilAborted } from '../contracts/until-aborted.js';

/** Several subjects of one decision: all are charged, or none. */
type Subjects = readonly SubjectInput[];

/**
 * Uses the module's backend to limit anything besides requests: jobs, messages, tokens.
 *
 * Every call passes the deadline and the circuit breaker of the backend. If no backend can decide, the failure mode
 * decides. A key is used unchanged; `keyOf` builds the keys of the guard. A policy of the module has one counter
 * everywhere. A rate or options in a call have their own counter. Use `routeLimits` for the counters of a decorator.
 */
@Injectable()
export class BackendService {
  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(Decider) private readonly decider: Decider,
    @Inject(Admission) private readonly admission: Admission,
    @Inject(ServiceRequests) private readonly requests: ServiceRequests,
    @Inject(PolicyStoreSync) private readonly policyStore: PolicyStoreSync,
    @Inject(WaitingLines) private readonly lines: WaitingLines,
  ) {}

  /**
   * Charges a key by one or several policies: all of them or none. Several subjects, such as a user and its tenant, are
   * also charged all or none. Their statuses then contain the `key`.
   *
   * @param key who is limited; used unchanged; not empty
   * @param policies names of module policies, rates, options, or the policies of a route (`routeLimits`)
   * @returns the decision; a refusal is a value, not an error
   * @throws BackendUnavailableError when no backend can decide and the failure mode is `closed`
   * @throws RateLimitConfigurationError for a policy or an option that is wrong
   * @example
   * const decision = await backend.consume(`tenant:${id}`, 'exports', { cost: rows });
   * if (!decision.allowed) return { retryInMs: decision.retryAfterMs };
   */
  consume(key: string, policies: Policies, options?: ConsumeOptions): Promise<Decision>;
  consume(subjects: Subjects, options?: ConsumeOptions): Promise<Decision>;
  consume(who: string | Subjects, what?: Policies | ConsumeOptions, terms?: ConsumeOptions): Promise<Decision> {
    // Not an async function: the promise of one would wait for the promise of the decision.
    try {
      const decision = this.consumed(who, what, terms);
      return isPromise(decision) ? decision : Promise.resolve(decision);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Returns what `consume` with cost 0 would return. Charges nothing. Throws like `consume`. */
  peek(key: string, policies: Policies): Promise<Decision>;
  peek(subjects: Subjects): Promise<Decision>;
  async peek(who: string | Subjects, policies?: Policies): Promise<Decision> {
    const [subjects] = argumentsOf(who, policies);
    const request = this.requests.of(
      subjects.map((subject) => ({ ...subject, cost: 0 })),
      {},
      'asks',
    );
    if (!this.settings.enabled) return notCounted('disabled');
    return told(who, request, (await this.decider.peek(request)).decision);
  }

  /**
   * Gives units back, never above the limit.
   *
   * @param cost default: each policy's own cost
   * @throws BackendUnavailableError if the backend is not available and the failure mode is `closed`
   */
  refund(key: string, policies: Policies, cost?: number): Promise<void>;
  refund(subjects: Subjects): Promise<void>;
  async refund(who: string | Subjects, policies?: Policies, cost?: number): Promise<void> {
    const [subjects] = argumentsOf(who, policies);
    const request = this.requests.plain(subjects, cost);
    // The holder of a slot gives it back.
    const charges = request.charges.filter((charge) => !isSlot(charge));
    if (this.settings.enabled && charges.length > 0) await this.decider.refund({ ...request, charges });
  }

  /**
   * Removes the counters of these policies for this key, including blocks.
   *
   * @throws BackendUnavailableError if the backend is not available, in any failure mode
   */
  reset(key: string, policies: Policies): Promise<void>;
  reset(subjects: Subjects): Promise<void>;
  async reset(who: string | Subjects, policies?: Policies): Promise<void> {
    const [subjects] = argumentsOf(who, policies);
    const request = this.requests.plain(subjects, 0);
    if (request.charges.length > 0) await this.decider.reset(request);
  }

  /**
   * Charges an estimate and returns a lease, to correct it, keep it or give it back.
   *
   * @throws RateLimitExceededException when the call is limited
   * @throws BackendUnavailableError when no backend can decide and the failure mode is `closed`
   * @example
   * await using lease = await backend.acquire(user, 'tokens', { cost: 2_000 });
   * const answer = await model.ask(prompt);
   * await lease.adjust(answer.tokens - 2_000);
   * lease.settle();
   */
  acquire(key: string, policies: Policies, options?: ConsumeOptions): Promise<Lease>;
  acquire(subjects: Subjects, options?: ConsumeOptions): Promise<Lease>;
  async acquire(who: string | Subjects, what?: Policies | ConsumeOptions, terms?: ConsumeOptions): Promise<Lease> {
    const [subjects, options] = argumentsOf(who, what, terms);
    const request = this.requests.of(subjects, options, 'charges');
    const { signal } = options;
    signal?.throwIfAborted();
    const granting = this.granted(request, signal);
    if (signal === undefined) return granting;
    return untilAborted(granting, signal, () => {
      // Nobody holds the lease that may still be granted.
      granting.then((lease) => lease.release()).catch(() => undefined);
    });
  }

  /**
   * Runs work with a lease: keeps the charge if the work succeeds, and gives it back if it throws.
   *
   * @throws the error of the work, and the errors of `acquire`
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
      // The caller must see the error of the work. An error of the backend would hide it.
      await lease.release().catch(() => undefined);
      throw error;
    }
  }

  /**
   * Returns a handle for many calls with the same policies. It resolves them once. A policy of the module follows
   * changes at run time immediately; policies that are given here do not change.
   *
   * @param options options of all calls; options of a call override them
   * @throws RateLimitConfigurationError at once, for a policy or an option that is wrong
   * @example
   * private readonly exports = this.backend.limiter('exports');
   * const decision = await this.exports.consume(`tenant:${id}`, { cost: rows });
   */
  limiter(policies: Policies, options: ConsumeOptions = NO_OPTIONS): Limiter {
    return new LimiterHandle(this, this.requests.prepare(policies, options), options);
  }

  /**
   * Waits until a call is admitted, in order of arrival in this process; for calls that go out to somebody else's limit.
   * It asks the store about once for each admission. In an outage the failure mode decides.
   *
   * @throws RateLimitExceededException when `maxWait` is over: at once where that is known, or the call can never pass
   * @throws the signal's reason when it aborts
   * @example
   * await backend.waitFor('crm', '10/s', { maxWait: '30s' });
   */
  async waitFor(key: string, policies: Policies, options: WaitOptions): Promise<Decision> {
    onlyKnown('options', options, ['cost', 'maxWait', 'signal']);
    const { cost } = options;
    const request = this.requests.of([{ key, policies }], cost === undefined ? {} : { cost }, 'charges');
    refuseSlots(request);
    if (!this.settings.enabled) return notCounted('disabled');
    return request.settled === undefined || request.settled.kind === 'limited'
      ? this.lines.wait(request, options)
      : request.settled;
  }

  /**
   * Pauses all calls that wait for a key (`waitFor`, `@Paced`), in all processes that share the store. A longer pause
   * stays.
   *
   * @internal
   */
  async pause(key: string, policies: Policies, pauseMs: number): Promise<void> {
    const request = this.requests.plain([{ key, policies }], 0);
    if (this.settings.enabled) await this.lines.pause(request, pauseMs);
  }

  /** The last known state of the backends, without asking them. */
  status(): BackendStatus {
    return this.decider.status();
  }

  /**
   * Pings each backend through its breaker. If a circuit is open and a probe is due, the ping is the probe. It ends at
   * the deadline and never rejects. A failover is healthy while any of its members is healthy.
   */
  async health(): Promise<BackendHealth> {
    const policyStore = this.policyStore.health();
    return { ...(await this.decider.health()), ...(policyStore !== undefined && { policyStore }) };
  }

  /** Closes the circuits of all backends, so that the next call tries them immediately. */
  resetCircuitBreaker(): void {
    for (const { breaker } of this.decider.guards) breaker?.reset();
  }

  private consumed(
    who: string | Subjects,
    what: Policies | ConsumeOptions | undefined,
    terms: ConsumeOptions | undefined,
  ): MaybePromise<Decision> {
    if (typeof who === 'string') {
      const options = terms ?? NO_OPTIONS;
      return this.decided(this.requests.charging(who, what as Policies, options), options);
    }
    const [subjects, options] = argumentsOf(who, what, terms);
    const request = this.requests.of(subjects, options, 'charges');
    return when(this.decided(request, options), (decision) => told(who, request, decision));
  }

  /** Synchronous if the backend is. */
  private decided(request: PolicyDecisionRequest, { signal }: ConsumeOptions): MaybePromise<Decision> {
    refuseSlots(request);
    signal?.throwIfAborted();
    if (!this.settings.enabled) return this.decider.disabled().decision;
    const deciding = this.decider.decideThen(signal === undefined ? request : { ...request, signal }, decisionIn);
    return signal !== undefined && isPromise(deciding) ? untilAborted(deciding, signal) : deciding;
  }

  /** @throws RateLimitExceededException when the call is limited */
  private async granted(request: PolicyDecisionRequest, signal: AbortSignal | undefined): Promise<Lease> {
    const slotted = this.settings.enabled && asksForSlots(request);
    const { outcome, slots } = slotted
      ? await this.admission.admit(request, signal)
      : { outcome: await this.charged(request) };
    if (outcome.decision.kind === 'limited') throw exceeded(request, outcome.decision);
    const account: LeaseAccount = {
      charge: async (charges, overdraw) => this.charged({ ...request, charges, overdraw }),
      refund: (charges, receipt) => this.decider.refund({ ...request, charges }, receipt),
    };
    return new BackendLease(outcome, request.charges, account, slots);
  }

  private charged(request: DecisionRequest): MaybePromise<Outcome> {
    return this.settings.enabled ? this.decider.decide(request) : this.decider.disabled();
  }
}

const decisionIn = ({ decision }: Outcome): Decision => decision;

/** @throws RateLimitConfigurationError for a slot that nobody would give back */
function refuseSlots({ charges }: PolicyDecisionRequest): void {
  const slot = charges.find(isSlot);
  if (slot === undefined) return;
  throw new RateLimitConfigurationError(
    'policies',
    slot.policy.name,
    'A concurrency policy holds a slot while a call lives: use acquire() or withLease().',
  );
}

/** The arguments of a method in one form: a key and its policies are a single subject. */
function argumentsOf(
  who: string | Subjects,
  what: Policies | ConsumeOptions | undefined,
  terms: ConsumeOptions = {},
): readonly [Subjects, ConsumeOptions] {
  if (Array.isArray(who)) return [who as Subjects, (what ?? {}) as ConsumeOptions];
  return [[{ key: who as string, policies: what as Policies }], terms];
}

/** Adds the key to each status of a decision on several subjects. */
function told(who: string | Subjects, { charges }: DecisionRequest, decision: Decision): Decision {
  if (!Array.isArray(who) || decision.policies.length === 0) return decision;
  const policies = decision.policies.map((status, index) => ({ ...status, key: charges[index]?.key ?? '' }));
  return { ...decision, policies };
}
