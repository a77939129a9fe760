import { type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { PolicyDecisionRequest } from '../limiter/decision-request.js';
import type { CallOrigin } from '../contracts/events.js';
import { type CallTerms, DecisionRequests, type PolicyUse } from '../limiter/decision-requests.js';
import { askAll, type MaybePromise, when, whenAll } from '../contracts/maybe-promise.js';
import type { LookedUp } from '../limiter/prepared-policies.js';
import type { KeyInput } from '../contracts/policy.js';
import { type CompiledPolicy, isCost } from '../policies/compiled-policy.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { Transports } from '../transports/transports.js';
import { Injection, isResolverClass } from './injection.js';
import { KeyReaders } from './keys/key-reader.js';
import { RouteCatalog } from './route-catalog.js';
import { applicable, type Candidate, type PlanReach, type RoutePlan, type StaticCandidate } from './route-plan.js';

/** Resolves a request's policies, keys and costs. */
@Injectable()
export class ChargeResolver {
  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(RouteCatalog) private readonly routes: RouteCatalog,
    @Inject(KeyReaders) private readonly keys: KeyReaders,
    @Inject(Injection) private readonly injection: Injection,
    @Inject(DecisionRequests) private readonly requests: DecisionRequests,
    @Inject(Transports) private readonly transports: Transports,
  ) {}

  /**
   * `undefined` if no limit applies to the call. Synchronous, unless a function of the application is asynchronous.
   *
   * @param reach which limits count the call. Default: the reach of its transport
   */
  resolve(context: ExecutionContext, reach?: PlanReach): MaybePromise<PolicyDecisionRequest | undefined> {
    const route = { type: context.getClass(), handler: context.getHandler() };
    const plan = this.routes.planOf(route, reach ?? this.transports.of(context).reach?.(context) ?? 'declared');
    if (plan.candidates.length === 0) return undefined;
    return when(this.settings.skipIf?.(context) ?? false, (skipped) =>
      skipped ? undefined : when(this.policiesOf(plan, context), (policies) => this.asked(plan, policies, context)),
    );
  }

  /** The origin of a call, for events. */
  originOf(context: ExecutionContext): CallOrigin {
    const plan = this.routes.planOf({ type: context.getClass(), handler: context.getHandler() });
    return { route: plan.label, transport: context.getType<string>() };
  }

  /** The static and dynamic policies of the plan, without those that skip this call. */
  private policiesOf(plan: RoutePlan, context: ExecutionContext): MaybePromise<readonly CompiledPolicy[]> {
    if (plan.policies !== undefined) return this.withoutSkipped(plan.policies, context);
    const answers = askAll(plan.candidates, (candidate) => this.answerOf(candidate, context));
    return whenAll(answers, (found) => this.withoutSkipped(applicable(plan, found.flat()), context));
  }

  private answerOf(candidate: Candidate, context: ExecutionContext): MaybePromise<readonly StaticCandidate[]> {
    if (candidate.kind === 'static') return [candidate];
    const { ask } = candidate;
    const asked = isResolverClass(ask)
      ? when(this.injection.instanceOf(ask, context), (resolver) => resolver.resolve(context))
      : ask(context);
    return when(asked, (answer) => {
      const inputs = [answer].flat().filter((input) => input != null);
      return this.routes.planner.answered(candidate, inputs);
    });
  }

  private withoutSkipped(
    policies: readonly CompiledPolicy[],
    context: ExecutionContext,
  ): MaybePromise<readonly CompiledPolicy[]> {
    if (policies.every(({ skipIf }) => skipIf === undefined)) return policies;
    return whenAll(
      askAll(policies, ({ skipIf }) => skipIf?.(context) ?? false),
      (skipped) => policies.filter((_policy, index) => !skipped[index]),
    );
  }

  private asked(
    { label: route, facts }: RoutePlan,
    policies: readonly CompiledPolicy[],
    context: ExecutionContext,
  ): MaybePromise<PolicyDecisionRequest | undefined> {
    if (policies.length === 0) return undefined;
    if (facts?.policies === policies && facts.areSimple && this.haveOneKey(policies)) {
      return this.askedByOneKey(route, facts, context);
    }
    const keys = new Map<KeyInput, MaybePromise<string>>();
    const uses = askAll(policies, (policy) => this.useOf(policy, context, keys));
    return whenAll(uses, (all) => this.requests.of(all, this.termsOf(route, context)));
  }

  /** The fast path for most calls: all policies use one key and have fixed costs. */
  private askedByOneKey(
    route: string,
    facts: LookedUp,
    context: ExecutionContext,
  ): MaybePromise<PolicyDecisionRequest> {
    const { policies } = facts;
    const terms = this.termsOf(route, context);
    return when(this.keys.of(policies[0]?.key ?? this.settings.key)(context), (key) => {
      const usesOf = (): PolicyUse[] => policies.map((policy) => ({ policy, key, cost: policy.cost as number }));
      return this.requests.simple(facts, key, undefined, terms) ?? this.requests.of(usesOf(), terms);
    });
  }

  private haveOneKey(policies: readonly CompiledPolicy[]): boolean {
    return policies.every(({ key }) => key === policies[0]?.key);
  }

  private termsOf(route: string, context: ExecutionContext): CallTerms {
    return { route, transport: context.getType<string>(), addressKey: () => this.keys.addressOf(context) };
  }

  /** @param keys the keys that were already read for this request: no function of the application is called twice */
  private useOf(
    policy: CompiledPolicy,
    context: ExecutionContext,
    keys: Map<KeyInput, MaybePromise<string>>,
  ): MaybePromise<PolicyUse> {
    const { key: own, cost } = policy;
    const input = own ?? this.settings.key;
    let key = keys.get(input);
    if (key === undefined) {
      key = this.keys.of(input)(context);
      keys.set(input, key);
    }
    return when(key, (subject) =>
      when(typeof cost === 'function' ? cost(context) : cost, (units) => {
        if (isCost(units)) return { policy, key: subject, cost: units };
        const given = String(units);
        throw new TypeError(
          `The cost of policy '${policy.policy.name}' was ${given}: return a whole number of at least 0.`,
        );
      }),
    );
  }
}
