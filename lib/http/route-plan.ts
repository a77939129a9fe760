import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { PolicyInput } from '../contracts/policy.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';
import { type DynamicPolicyInput, isDynamic, type PolicyCatalog, type PolicySite } from '../policies/policy-catalog.js';
import { looksLikeRate } from '../policies/rate.js';
import { type Class, type DeclaredLimits, limitsOf, skippedNames, skips } from './route-metadata.js';

/** A policy that a route asks for on each call, and where it is written. */
export interface DynamicPolicy {
  readonly ask: DynamicPolicyInput;
  readonly site: PolicySite;
}

/** What applies to a route: policies in the order of charge, and what asks for more of them. */
export interface RoutePlan {
  readonly policies: readonly CompiledPolicy[];
  readonly dynamic: readonly DynamicPolicy[];
}

/** Names a class in the ids of its counters; the same in every process of an application. */
export type ClassNames = (type: Class) => string;

/** A route: a handler, and the class that it is called on. */
export interface Route {
  readonly type: Class;
  readonly handler: object & { readonly name: string };
}

/** How near to the call a policy is written. */
enum Level {
  Module,
  Class,
  Method,
}

/** A policy that may apply to a route. */
interface Candidate {
  readonly level: Level;
  /** The name by which it can be skipped and replaced; a bare rate has none. */
  readonly name: string | undefined;
  readonly policy: CompiledPolicy | DynamicPolicy;
}

/** Works out what applies to the routes of an application. */
export class RoutePlanner {
  /** @param applied names of the policies that every route gets */
  constructor(
    private readonly catalog: PolicyCatalog,
    private readonly applied: readonly string[],
    private readonly classNames: ClassNames,
  ) {}

  /**
   * What the module applies, what the class says and what the method says, less what is skipped; of those that bear one
   * name, the nearest.
   *
   * @throws RateLimitConfigurationError for a policy that is wrong, or a name that is unknown
   */
  plan(route: Route): RoutePlan {
    const label = `${this.classNames(route.type)}.${route.handler.name}`;
    const candidates = [
      ...this.applied.map((name) =>
        this.candidate(Level.Module, name, { option: 'apply', owner: '', place: '', route: label }),
      ),
      ...this.declared(Level.Class, limitsOf(route.type), label),
      ...this.declared(Level.Method, limitsOf(route.handler), label),
    ];
    this.checkSkips(route, candidates, label);
    const kept = candidates.filter((one) => !isSkipped(one, route) && !isReplaced(one, candidates));
    return {
      policies: kept.flatMap(({ policy }) => ('ask' in policy ? [] : [policy])),
      dynamic: kept.flatMap(({ policy }) => ('ask' in policy ? [policy] : [])),
    };
  }

  private declared(level: Level, limits: readonly DeclaredLimits[], route: string): readonly Candidate[] {
    let count = 0;
    return limits.flatMap(({ policies, target, method }) => {
      const owner = method === undefined ? this.classNames(target) : `${this.classNames(target)}.${method}`;
      if (policies.length === 0) {
        throw new RateLimitConfigurationError(
          `@RateLimit() of ${owner}`,
          policies,
          "Give at least one policy, such as '100/m'.",
        );
      }
      return policies.map((input) => {
        const site = { option: `@RateLimit() of ${owner}`, owner, place: String(count++), route };
        return this.candidate(level, input, site);
      });
    });
  }

  private candidate(level: Level, input: PolicyInput, site: PolicySite): Candidate {
    return {
      level,
      name: nameOf(input),
      policy: isDynamic(input) ? { ask: input, site } : this.catalog.at(site, input),
    };
  }

  private checkSkips({ type, handler }: Route, candidates: readonly Candidate[], label: string): void {
    for (const name of [...skippedNames(type), ...skippedNames(handler)]) {
      if (!candidates.some((one) => one.name === name)) this.catalog.byName(`@SkipRateLimit() of ${label}`, name);
    }
  }
}

function nameOf(input: PolicyInput): string | undefined {
  if (typeof input === 'function') return undefined;
  if (typeof input === 'object') return input.name;
  return looksLikeRate(input) ? undefined : input;
}

/** A method skips whatever it names, its own included; a class lifts what is written on it and further away. */
const isSkipped = ({ level, name }: Candidate, { type, handler }: Route): boolean =>
  skips(handler, name) || (level !== Level.Method && skips(type, name));

const isReplaced = ({ level, name }: Candidate, all: readonly Candidate[]): boolean =>
  name !== undefined && all.some((other) => other.name === name && other.level > level);
