import { Inject, Injectable } from '@nestjs/common';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { Duration, FailureMode } from '../contracts/policy.js';
import { type CompiledPolicy, isCost } from '../policies/compiled-policy.js';
import { MAX_TIMER_MS, parseDuration } from '../policies/duration.js';
import { oneOf, onlyKnown } from '../policies/option-checks.js';
import type { PolicyDecisionRequest } from './decision-request.js';
import { type CallTerms, DecisionRequests, type PolicyUse } from './decision-requests.js';
import type { PreparedPolicies } from './prepared-policies.js';
import { type Policies, ServicePolicies, type Use } from './service-policies.js';

/** Options of one call of `BackendService`. */
export interface ConsumeOptions {
  /** Units for each policy. Default: each policy's own cost. */
  readonly cost?: number;
  /** What this call gets if no backend can decide. Default: the policies', else the module's. */
  readonly failureMode?: FailureMode;
  /** Deadline of one call to a backend, at most 24 days. Default: the module's. */
  readonly timeout?: Duration;
  /** Ends the wait: the call rejects with the signal's reason, even if the backend still works on it. */
  readonly signal?: AbortSignal;
}

/** No options. */
export const NO_OPTIONS: ConsumeOptions = Object.freeze({});

const NO_TERMS: CallTerms = Object.freeze({});

/** One of several subjects of a decision: a user, its tenant, a plan. */
export interface SubjectInput {
  /** Who is limited; used unchanged; not empty. */
  readonly key: string;
  readonly policies: Policies;
  /** Units for each of these policies. Default: the option of the call, else each policy's own cost. */
  readonly cost?: number;
}

/** Creates the requests of `BackendService`. */
@Injectable()
export class ServiceRequests {
  constructor(
    @Inject(DecisionRequests) private readonly requests: DecisionRequests,
    @Inject(ServicePolicies) private readonly policies: ServicePolicies,
  ) {}

  /** A request that charges or asks. @throws RateLimitConfigurationError for a policy or an option that is wrong */
  of(subjects: readonly SubjectInput[], options: ConsumeOptions, use: Use): PolicyDecisionRequest {
    return this.requests.of(this.usesOf(subjects, options.cost, use), termsOf(options));
  }

  /** A request that charges one key: the most frequent kind. @throws the errors of `of` */
  charging(key: string, policies: Policies, options: ConsumeOptions): PolicyDecisionRequest {
    const { cost } = options;
    const prepared = cost === undefined || isCost(cost) ? this.policies.lookedUp(policies) : undefined;
    const simple = prepared && this.requests.simple(prepared.current(), key, cost, termsOf(options));
    return simple ?? this.of([{ key, policies }], options, 'charges');
  }

  /** Resolves policies once. @throws RateLimitConfigurationError for a policy or an option that is wrong */
  prepare(policies: Policies, options: ConsumeOptions): PreparedPolicies {
    termsOf(options);
    return this.policies.prepare(policies);
  }

  /** A request that gives back or forgets. @throws RateLimitConfigurationError for a policy that is wrong */
  plain(subjects: readonly SubjectInput[], cost: number | undefined): PolicyDecisionRequest {
    return this.requests.plain(this.usesOf(subjects, cost, 'asks'));
  }

  private usesOf(subjects: readonly SubjectInput[], cost: number | undefined, use: Use): readonly PolicyUse[] {
    if (subjects.length === 0) {
      throw new RateLimitConfigurationError('subjects', subjects, 'Give at least one { key, policies }.');
    }
    return subjects.flatMap(({ key, policies, cost: own = cost }) =>
      this.policies.compile(policies, use).map((policy) => ({ policy, key, cost: costOf(policy, own) })),
    );
  }
}

/** @throws RateLimitConfigurationError for an option that is unknown or wrong */
function termsOf(options: ConsumeOptions): CallTerms {
  if (options === NO_OPTIONS) return NO_TERMS;
  onlyKnown('options', options, ['cost', 'failureMode', 'timeout', 'signal']);
  const { failureMode, timeout } = options;
  if (failureMode !== undefined) oneOf('failureMode', failureMode, ['closed', 'open', 'local']);
  const timeoutMs = timeout === undefined ? undefined : parseDuration('timeout', timeout, MAX_TIMER_MS);
  return { failureMode, timeoutMs };
}

function costOf({ cost: own, policy }: CompiledPolicy, given: number | undefined): number {
  const cost = given ?? own;
  if (isCost(cost)) return cost;
  throw typeof cost === 'function'
    ? new TypeError(`The cost of policy '${policy.name}' is a function of a request: give options.cost.`)
    : new TypeError(`A cost is a whole number of at least 0; received ${String(cost)}.`);
}
