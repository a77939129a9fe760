import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { PolicyOptions } from '../contracts/policy.js';
import type { CarriedCounters, OverrideTarget, PlainPolicy, PolicyDocument } from '../contracts/policy-store.js';
import { compilePolicy, type CompiledPolicy, withId } from './compiled-policy.js';
import { leaseWithin } from './lease-option.js';
import { isShadowed } from './policy-document.js';
import { keyOverride, type KeyOverride, PolicyOverrides } from './policy-overrides.js';
import { parseRate } from './rate.js';

/** What applies to a key instead of its policy. */
export type KeyRule = 'unlimited' | 'blocked' | CompiledPolicy;

/** Checks that the backend supports a policy. */
type Check = (option: string, compiled: CompiledPolicy) => CompiledPolicy;

/** The current policies of a module: its definitions with the changes at run time. */
export class LivePolicies {
  readonly named: ReadonlyMap<string, CompiledPolicy>;
  private readonly overrides = new Map<string, PolicyOverrides<KeyRule>>();
  private readonly shadows = new WeakMap<CompiledPolicy, CompiledPolicy>();

  /**
   * @param definitions the module's own policies, but those that are found by the request
   * @param document what was changed, in the shape that `checkedDocument` makes sure of
   * @throws RateLimitConfigurationError for a policy that is wrong, or a name that is unknown
   */
  constructor(
    private readonly definitions: ReadonlyMap<string, PolicyOptions>,
    readonly document: PolicyDocument,
    private readonly check: Check,
  ) {
    for (const name of Object.keys(document.policies)) this.requireKnown(`policies.${name}`, name);
    if (typeof document.shadow !== 'boolean') {
      for (const name of document.shadow) this.requireKnown('shadow', name);
    }
    this.named = new Map([...definitions.keys()].map((name) => [name, this.compiled(name)]));
    const rules = new Map<string, KeyOverride<KeyRule>[]>();
    for (const override of document.overrides) {
      const option = `overrides of '${override.key}'`;
      this.requireKnown(`${option}.policy`, override.policy);
      const rule = keyOverride(option, override, this.ruleOf(option, override.policy, override.to));
      rules.set(override.policy, [...(rules.get(override.policy) ?? []), rule]);
    }
    for (const [name, ofPolicy] of rules) this.overrides.set(name, new PolicyOverrides(ofPolicy));
  }

  get hasOverrides(): boolean {
    return this.overrides.size > 0;
  }

  /** What applies to a key instead of a module policy; `undefined`: the policy. */
  ruleFor({ definedAs, policy }: CompiledPolicy, key: string, nowMs: number): KeyOverride<KeyRule> | undefined {
    if (this.overrides.size === 0 || definedAs === undefined) return undefined;
    const found = this.overrides.get(definedAs)?.find(key, nowMs);
    if (found === undefined || typeof found.to === 'string') return found;
    // A policy with `scope: 'route'` counts for each route, and so does the override of the key.
    const { to } = found;
    return to.policy.algorithm === policy.algorithm && to.policy.id !== policy.id
      ? { ...found, to: { ...to, policy: { ...to.policy, id: policy.id } } }
      : found;
  }

  /** A policy outside the module, in shadow mode if all policies are. */
  switched(compiled: CompiledPolicy): CompiledPolicy {
    if (!isShadowed(this.document, undefined) || compiled.policy.mode === 'shadow') return compiled;
    let shadow = this.shadows.get(compiled);
    if (shadow === undefined) {
      shadow = { ...compiled, policy: { ...compiled.policy, mode: 'shadow' } };
      this.shadows.set(compiled, shadow);
    }
    return shadow;
  }

  private compiled(name: string): CompiledPolicy {
    const { [name]: changed } = this.document.policies;
    const definition = this.definitions.get(name) ?? {};
    const options = changed === undefined ? definition : merged(`policies.${name}`, definition, changed);
    return this.compileAs(`policies.${name}`, name, options);
  }

  private ruleOf(option: string, name: string, to: OverrideTarget): KeyRule {
    if (to === 'unlimited' || to === 'blocked') return to;
    const { [name]: changed } = this.document.policies;
    const definition = this.definitions.get(name) ?? {};
    const base = changed === undefined ? definition : merged(`policies.${name}`, definition, changed);
    return this.compileAs(`${option}.to`, name, merged(`${option}.to`, base, to));
  }

  private compileAs(option: string, name: string, options: PolicyOptions): CompiledPolicy {
    const mode = isShadowed(this.document, name) ? { mode: 'shadow' as const } : {};
    const compiled = compilePolicy(option, { ...options, name, ...mode }, () => name);
    const named = { ...compiled, definedAs: name };
    const counters = this.document.counters?.[name];
    return this.check(option, counters === undefined ? named : inSeries(named, name, counters));
  }

  private requireKnown(option: string, name: string): void {
    if (this.definitions.has(name)) return;
    const known = [...this.definitions.keys()].map((one) => `'${one}'`).join(', ');
    const mend = known === '' ? 'The module names none.' : `Those that can be changed are ${known}.`;
    throw new RateLimitConfigurationError(option, name, `The module has no such policy of its own. ${mend}`);
  }
}

/** Names of policies contain no `~`, so new counters never collide with those of another policy. */
const seriesId = (name: string, series: number): string => (series === 0 ? name : `${name}~${series}`);

function inSeries(compiled: CompiledPolicy, name: string, { series, fromLimit }: CarriedCounters): CompiledPolicy {
  const renamed = withId(compiled, seriesId(name, series));
  if (fromLimit === undefined || fromLimit === 0) return renamed;
  const { policy } = withId(compiled, seriesId(name, series - 1));
  return { ...renamed, carriedFrom: { id: policy.id, limit: fromLimit } };
}

/** The given options, with the previous ones as defaults. */
function merged(option: string, base: PolicyOptions, given: string | PlainPolicy): PolicyOptions {
  const changes: PolicyOptions = typeof given === 'string' ? { rate: given } : given;
  const { rate: _rate, limit: _limit, window: _window, burst, lease, ...rest } = base;
  const quota = changes.rate === undefined ? quotaOf(option, base) : {};
  const keepsBurst = burst !== undefined && (changes.algorithm ?? base.algorithm) === 'token-bucket';
  const now = { ...quota, ...changes };
  return {
    ...rest,
    ...(keepsBurst && { burst }),
    ...(lease !== undefined && { lease: leaseWithin(lease, () => quotaOf(`${option}.rate`, now).limit) }),
    ...now,
  };
}

/** Limit and window, so that one of them can be changed without the other. */
function quotaOf(option: string, { rate, limit, window }: PolicyOptions): Pick<PolicyOptions, 'limit' | 'window'> {
  if (rate === undefined || rate === null)
    return { ...(limit !== undefined && { limit }), ...(window !== undefined && { window }) };
  const parsed = parseRate(option, rate);
  return { limit: parsed.limit, window: parsed.windowMs };
}
