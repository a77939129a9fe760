import { Inject, Injectable } from '@nestjs/common';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { RouteLimits } from '../contracts/route-limits.js';
import type { RoutePolicies } from '../limiter/route-policies.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';
import { isOfPlace } from '../policies/policy-identity.js';
import { RouteCatalog } from './route-catalog.js';
import { applicable, methodName, type RoutePlan } from './route-plan.js';

/** Finds the counters of a route for `BackendService`. */
@Injectable()
export class RouteCounters implements RoutePolicies {
  private places: ReadonlyMap<string, string> | undefined;

  constructor(@Inject(RouteCatalog) private readonly routes: RouteCatalog) {}

  policiesOf({ type, method, names }: RouteLimits): readonly CompiledPolicy[] {
    const option = callOf(type, method);
    const handler: unknown = (type.prototype as Readonly<Record<string, unknown>>)[method];
    if (typeof handler !== 'function') {
      throw new RateLimitConfigurationError(option, method, `Give the name of a method of ${type.name}.`);
    }
    const plan = this.routes.planOf({ type, handler });
    return names === undefined ? allOf(option, plan) : namedOf(option, plan, names);
  }

  writtenIn(policyName: string): string | undefined {
    this.places ??= placesOf(this.routes.prepared);
    return this.places.get(policyName);
  }
}

function allOf(option: string, { candidates, policies }: RoutePlan): readonly CompiledPolicy[] {
  if (candidates.length === 0) {
    const mend = 'No policy holds on that route: it has none, or skips what it has.';
    throw new RateLimitConfigurationError(option, undefined, mend);
  }
  if (policies !== undefined) return policies;
  const known = candidates.flatMap((one) => (one.kind === 'static' ? [one.policy] : []));
  const dynamic = candidates.find((one) => one.kind === 'dynamic');
  const mend =
    known.length === 0
      ? 'Its policies are found by the request: without one, nobody can tell which they are.'
      : `Some of its policies are found by the request: name those that you mean, of ${listOf(known)}, as the third argument.`;
  throw new RateLimitConfigurationError(option, dynamic?.ask, mend);
}

function namedOf(option: string, plan: RoutePlan, names: readonly string[]): readonly CompiledPolicy[] {
  const settled = plan.candidates.filter((one) => one.kind === 'static');
  const wrong = names.find((name) => !settled.some(({ policy }) => policy.policy.name === name));
  if (wrong === undefined) return applicable(plan, settled).filter(({ policy }) => names.includes(policy.name));
  const known = listOf(settled.map(({ policy }) => policy)) || 'none';
  throw new RateLimitConfigurationError(option, wrong, `The policies that hold on that route are ${known}.`);
}

/** The places of policies in decorators, which have their own counters. */
function placesOf(plans: readonly RoutePlan[]): ReadonlyMap<string, string> {
  const places = new Map<string, string>();
  for (const { candidates, route } of plans) {
    for (const one of candidates) {
      if (one.kind !== 'static' || !isOfPlace(one.policy)) continue;
      const { name } = one.policy.policy;
      if (!places.has(name)) places.set(name, callOf(route.type, methodName(route)));
    }
  }
  return places;
}

const callOf = ({ name }: { name: string }, method: string): string => `routeLimits(${name}, '${method}')`;

const listOf = (policies: readonly CompiledPolicy[]): string =>
  policies.map(({ policy }) => `'${policy.name}'`).join(', ');
