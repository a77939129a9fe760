import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { PolicyInput } from '../contracts/policy.js';
import { factsOf, type LookedUp } from '../limiter/prepared-policies.js';
import { type CompiledPolicy, isUnlimited } from '../policies/compiled-policy.js';
import { type DynamicPolicyInput, isDynamic, type PolicyCatalog, type PolicySite } from '../policies/policy-catalog.js';
import { checkApart } from '../policies/policy-identity.js';
import { looksLikeRate } from '../policies/rate.js';
import type { LimitReach } from '../transports/transport.js';
import { type Class, type DeclaredLimits, limitsOf, skippedNames, skips } from './route-metadata.js';

/** How near to the call a policy is written. */
enum Level {
  Module,
  Class,
  Method,
}

/** A policy that may apply to a route. */
export interface StaticCandidate {
  readonly kind: 'static';
  readonly level: Level;
  /** The name by which it can be skipped and replaced; a bare rate has none. */
  readonly name: string | undefined;
  readonly policy: CompiledPolicy;
}

/** What must be asked for policies on each call, and where it is written. */
export interface DynamicCandidate {
  readonly kind: 'dynamic';
  readonly level: Level;
  /** The name that the module gives it, which is also that of a single answer; in a decorator it has none. */
  readonly name: string | undefined;
  readonly ask: DynamicPolicyInput;
  readonly site: PolicySite;
}

export type Candidate = StaticCandidate | DynamicCandidate;

/** What may apply to a route, in the order of charge. */
export interface RoutePlan {
  readonly route: Route;
  /** The route in errors, and in the ids of counters of its own. */
  readonly label: string;
  readonly candidates: readonly Candidate[];
  /** Of the catalog when the plan was made: a policy that is changed at run time makes it void. */
  readonly generation: number;
  /** The policies of every call; `undefined` where some must be asked for. */
  readonly policies: readonly CompiledPolicy[] | undefined;
  /** What follows from those policies for every call. */
  readonly facts: LookedUp | undefined;
}

/** Which limits count a call; a connection is counted by the module's `connect`, and what its own handler declares. */
export type PlanReach = LimitReach | 'connection';

/** Names a class in the ids of its counters; the same in every process of an application. */
export type ClassNames = (type: Class) => string;

/** A route: a handler, and the class that it is called on. */
export interface Route {
  readonly type: Class;
  readonly handler: object & { readonly name: string };
}

/** Works out what applies to the routes of an application. */
export class RoutePlanner {
  /** @param applied names of the policies that the module applies: to every route, and to every connection */
  constructor(
    private readonly catalog: PolicyCatalog,
    private readonly applied: Readonly<Record<'all' | 'connection', readonly string[]>>,
    private readonly classNames: ClassNames,
  ) {}

  /**
   * What the module applies, what the class says and what the method says, less what is skipped; of those that bear one
   * name, the nearest.
   *
   * @throws RateLimitConfigurationError for a policy that is wrong, or a name that is unknown
   */
  plan(route: Route, reach: PlanReach = 'all'): RoutePlan {
    const label = this.labelOf(route);
    // The module applies policies by their names. Those count for the module, not for the place of a decorator.
    const applied = { option: '', owner: '', place: '', route: label };
    const ofClass = reach === 'all' || reach === 'declared' ? limitsOf(route.type) : [];
    const written = [
      ...this.appliedTo(reach).map((name) => this.candidate(Level.Module, name, applied)),
      ...this.declared(Level.Class, ofClass, label),
      ...this.declared(Level.Method, limitsOf(route.handler), label),
    ];
    this.checkSkips(route, written, label);
    const candidates = written.filter((one) => !isSkipped(one, route) && !isReplaced(one, written));
    const settled = candidates.filter((one) => one.kind === 'static');
    const policies = settled.length === candidates.length ? applicable({ route, label }, settled) : undefined;
    const facts = policies && factsOf(policies);
    return { route, label, candidates, generation: this.catalog.generation, policies, facts };
  }

  /** The name of a route in errors, and in the ids of its counters. */
  labelOf(route: Route): string {
    return `${this.classNames(route.type)}.${methodName(route)}`;
  }

  /** What a dynamic policy answered, in its place. */
  answered({ level, name, site }: DynamicCandidate, inputs: readonly PolicyInput[]): readonly StaticCandidate[] {
    const answers = name !== undefined && inputs.length === 1 ? inputs.map((input) => named(name, input)) : inputs;
    return answers.map((input, index) => {
      const candidate = this.candidate(level, input, { ...site, place: `${site.place}.${index}` });
      if (candidate.kind === 'static') return candidate;
      throw new TypeError('A dynamic policy answered with a function: answer a name, a rate or options.');
    });
  }

  private appliedTo(reach: PlanReach): readonly string[] {
    return reach === 'all' || reach === 'connection' ? this.applied[reach] : [];
  }

  private declared(level: Level, limits: readonly DeclaredLimits[], route: string): readonly Candidate[] {
    let count = 0;
    return limits.flatMap(({ policies, target, method }) => {
      const owner = method === undefined ? this.classNames(target) : `${this.classNames(target)}.${method}`;
      const option = `@RateLimit() of ${owner}`;
      if (policies.length === 0) {
        throw new RateLimitConfigurationError(option, policies, "Give at least one policy, such as '100/m'.");
      }
      return policies.map((input) => this.candidate(level, input, { option, owner, place: String(count++), route }));
    });
  }

  private candidate(level: Level, input: PolicyInput, site: PolicySite): Candidate {
    if (isDynamic(input)) return { kind: 'dynamic', level, name: undefined, ask: input, site };
    if (typeof input === 'string') {
      const ask = this.catalog.dynamicByName(input);
      // Counters of the module's own: shared by all routes that use the name.
      const shared = { ...site, option: `policies.${input}`, owner: `policies.${input}`, place: '0' };
      if (ask !== undefined) return { kind: 'dynamic', level, name: input, ask, site: shared };
    }
    const policy = this.catalog.at(site, input);
    return { kind: 'static', level, name: nameOf(input), policy };
  }

  private checkSkips({ type, handler }: Route, candidates: readonly Candidate[], label: string): void {
    // What a dynamic policy will answer is not known yet, and may bear any name.
    if (candidates.some(({ kind }) => kind === 'dynamic')) return;
    const names = candidates.map((one) => one.name);
    for (const name of [...skippedNames(type), ...skippedNames(handler)]) {
      if (!names.includes(name)) this.catalog.checkKnown(`@SkipRateLimit() of ${label}`, name);
    }
  }
}

/**
 * Those of the candidates that hold on a route: neither skipped, nor replaced by a nearer one of their name, nor without
 * a limit.
 *
 * @throws RateLimitConfigurationError if two of them would share a counter, and should not
 */
export function applicable(
  { route, label }: Pick<RoutePlan, 'route' | 'label'>,
  candidates: readonly StaticCandidate[],
): readonly CompiledPolicy[] {
  const policies = candidates
    .filter((one) => !isSkipped(one, route) && !isReplaced(one, candidates))
    .map(({ policy }) => policy)
    .filter((policy) => !isUnlimited(policy));
  checkApart(`@RateLimit() of ${label}`, policies);
  return policies;
}

function nameOf(input: string | { readonly name?: string }): string | undefined {
  if (typeof input === 'object') return input.name;
  return looksLikeRate(input) ? undefined : input;
}

/** An answer under the name of the policy that found it, unless it has one of its own. */
function named(name: string, input: PolicyInput): PolicyInput {
  if (typeof input === 'string') return looksLikeRate(input) ? { name, rate: input } : input;
  return typeof input === 'object' ? { name, ...input } : input;
}

/** A method skips whatever it names, its own included; a class lifts what is written on it and further away. */
function isSkipped(candidate: Candidate, { type, handler }: Route): boolean {
  const { level, name } = candidate;
  return skips(handler, name) || (level !== Level.Method && skips(type, name));
}

const isReplaced = ({ level, name }: Candidate, all: readonly Candidate[]): boolean =>
  name !== undefined && all.some((other) => other.name === name && other.level > level);

/** The id of a candidate's counter; of one that must be asked for, how those of its answers begin. */
export const counterOf = (candidate: Candidate): string =>
  candidate.kind === 'static' ? candidate.policy.policy.id : `@${candidate.site.owner}[`;

/** The name under which a class has a handler: a function that wraps it may have lost its own. */
export function methodName({ type, handler }: Route): string {
  for (let owner = type.prototype as object | null; owner !== null; owner = Object.getPrototypeOf(owner) as object) {
    const properties = Object.entries(Object.getOwnPropertyDescriptors(owner));
    const [name] = properties.find(([, { value }]) => value === handler) ?? [];
    if (name !== undefined) return name;
  }
  return handler.name;
}
