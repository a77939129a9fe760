import type { Type } from '@nestjs/common';
import type { BackendCapabilities } from '../contracts/backend.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { PolicyDocument } from '../contracts/policy-store.js';
import type { Policy, PolicyFunction, PolicyInput, PolicyOptions, PolicyResolver } from '../contracts/policy.js';
import { wallMs } from '../contracts/process-time.js';
import { checkedShape, checkName, compilePolicy, isUnlimited, withId, type CompiledPolicy } from './compiled-policy.js';
import { type KeyRule, LivePolicies } from './live-policies.js';
import { UNCHANGED } from './policy-document.js';
import type { KeyOverride } from './policy-overrides.js';
import { looksLikeRate, UNLIMITED } from './rate.js';

/** A policy that must be resolved for each call. */
export type DynamicPolicyInput = PolicyFunction | Type<PolicyResolver>;

/** The place of a policy, which separates its counter from others. */
export interface PolicySite {
  /** Path of the policy, for errors, such as `@RateLimit() of CatsController.find`. */
  readonly option: string;
  /** Owner of the counters that are defined there, such as `CatsController.find`. */
  readonly owner: string;
  /** Position among the policies of that place; names the counter of a policy without a name. */
  readonly place: string;
  /** The called route: owner of the counters of named policies with `scope: 'route'`. */
  readonly route: string;
}

/** The module's policies. It compiles policies from any place for backends. */
export class PolicyCatalog {
  private readonly definitions = new Map<string, PolicyOptions>();
  private live: LivePolicies;
  private changes = 0;
  private readonly dynamic = new Map<string, DynamicPolicyInput>();
  private readonly inline = new Map<string, CompiledPolicy>();
  private readonly inlineOptions = new WeakMap<PolicyOptions, CompiledPolicy>();

  /**
   * @param policies the module's own
   * @param capabilities what the backend can do
   * @throws RateLimitConfigurationError if one is wrong; the path of the error starts with `policies.`
   */
  constructor(
    policies: Readonly<Record<string, PolicyInput>>,
    private readonly capabilities?: BackendCapabilities,
  ) {
    for (const [name, input] of Object.entries(policies)) {
      const option = `policies.${name}`;
      checkName('policies', name);
      if (isDynamic(input)) this.dynamic.set(name, input);
      else this.definitions.set(name, definitionOf(option, name, input));
    }
    this.live = this.compiled(UNCHANGED);
  }

  /** Names of the policies that can change at run time. */
  get names(): readonly string[] {
    return [...this.definitions.keys()];
  }

  /** The module's definitions, without changes at run time. */
  defined(): readonly Policy[] {
    return [...this.compiled(UNCHANGED).named.values()].filter((one) => !isUnlimited(one)).map(({ policy }) => policy);
  }

  /** Whether the end of a call may matter to a policy; true for one that depends on the request. */
  get watchesEnds(): boolean {
    return this.dynamic.size > 0 || [...this.definitions.values()].some(watchesEnd);
  }

  /** Increases with each change at run time: policies that were resolved before may be outdated. */
  get generation(): number {
    return this.changes;
  }

  /** The changes at run time. */
  get document(): PolicyDocument {
    return this.live.document;
  }

  /**
   * The policies with a document applied, without changing anything yet.
   *
   * @throws RateLimitConfigurationError for a policy that is wrong, or a name that is unknown
   */
  compiled(document: PolicyDocument): LivePolicies {
    return new LivePolicies(this.definitions, document, (option, compiled) => this.possible(option, compiled));
  }

  /** Applies these policies, all in one step. */
  adopt(live: LivePolicies): void {
    this.live = live;
    this.changes += 1;
  }

  /** Whether `ruleFor` may find something. */
  get hasOverrides(): boolean {
    return this.live.hasOverrides;
  }

  /** What applies to a key instead of a policy; `undefined`: the policy. */
  ruleFor(compiled: CompiledPolicy, key: string): KeyOverride<KeyRule> | undefined {
    return this.live.ruleFor(compiled, key, wallMs());
  }

  /** The resolver of a module policy; `undefined` if it is not dynamic. */
  dynamicByName(name: string): DynamicPolicyInput | undefined {
    return this.dynamic.get(name);
  }

  /** @throws RateLimitConfigurationError if the module has no policy with this name */
  checkKnown(option: string, name: string): void {
    if (!this.dynamic.has(name)) this.byName(option, name);
  }

  /** @throws RateLimitConfigurationError if the module has no policy with this name, or it depends on the request */
  byName(option: string, name: string): CompiledPolicy {
    const compiled = this.live.named.get(name);
    if (compiled !== undefined) return compiled;
    if (this.dynamic.has(name)) {
      throw new RateLimitConfigurationError(option, name, 'It finds its policies by the request: use it on routes.');
    }
    if (name === UNLIMITED) return compilePolicy(option, { rate: UNLIMITED }, () => UNLIMITED);
    const known = [...this.definitions.keys(), ...this.dynamic.keys()].map((one) => `'${one}'`).join(', ');
    const mend =
      known === '' ? 'The module names no policies: add it to the option policies.' : `The policies are ${known}.`;
    throw new RateLimitConfigurationError(option, name, `There is no policy of that name. ${mend}`);
  }

  /** Compiles a policy of a decorator, or of a dynamic policy's result. */
  at(site: PolicySite, input: string | PolicyOptions): CompiledPolicy {
    if (typeof input === 'string' && !looksLikeRate(input)) {
      const compiled = this.byName(site.option, input);
      return compiled.scope === 'route' ? withId(compiled, `${input}@${site.route}`) : compiled;
    }
    const compiled = compilePolicy(site.option, input, (name) => {
      const scope = typeof input === 'string' ? 'shared' : input.scope;
      // Names contain no @ or bracket, so policies of a place never collide with those of the module or with their
      // neighbours.
      const id = name === undefined ? `@${site.owner}[${site.place}]` : `@${site.owner}:${name}`;
      return scope === 'route' ? `${id}@${site.route}` : id;
    });
    return this.live.switched(this.possible(site.option, compiled));
  }

  /** Compiles a policy of a `BackendService` call: its options name the counter of an inline policy. */
  forService(input: PolicyInput): CompiledPolicy {
    if (typeof input === 'function') {
      throw new RateLimitConfigurationError(
        'policies',
        input,
        'A dynamic policy needs a request: give BackendService a name, a rate or options.',
      );
    }
    if (typeof input === 'string')
      return looksLikeRate(input) ? this.live.switched(this.inlineRate(input)) : this.byName('policies', input);
    let compiled = this.inlineOptions.get(input);
    if (compiled === undefined) {
      compiled = this.possible('policies', compileInline(input));
      this.inlineOptions.set(input, compiled);
    }
    return this.live.switched(compiled);
  }

  private inlineRate(rate: string): CompiledPolicy {
    let compiled = this.inline.get(rate);
    if (compiled === undefined) {
      compiled = this.possible('policies', compileInline(rate));
      // Rates and names come from code, not from input. If they do come from input, the memory still stays bounded.
      if (this.inline.size >= 1_000) this.inline.clear();
      this.inline.set(rate, compiled);
    }
    return compiled;
  }

  private possible(option: string, compiled: CompiledPolicy): CompiledPolicy {
    const { algorithm, calendar } = compiled.policy;
    if (this.capabilities === undefined) return compiled;
    const { algorithms, calendar: hasCalendar = false } = this.capabilities;
    if (!algorithms.includes(algorithm)) {
      throw new RateLimitConfigurationError(
        `${option}.algorithm`,
        algorithm,
        `The backend does not offer it; it offers ${algorithms.map((one) => `'${one}'`).join(', ')}.`,
      );
    }
    if (calendar === undefined || hasCalendar) return compiled;
    throw new RateLimitConfigurationError(
      `${option}.window`,
      calendar,
      "The backend does not offer windows of the calendar: give a length such as '1d'.",
    );
  }
}

/** Whether a policy must be resolved for each call. */
export const isDynamic = (input: PolicyInput): input is DynamicPolicyInput => typeof input === 'function';

/** Whether the end of a call matters to a policy: it has `chargeOn`, or holds a slot. */
export const watchesEnd = ({ chargeOn, algorithm }: PolicyOptions): boolean =>
  chargeOn !== undefined || algorithm === 'concurrency';

function definitionOf(option: string, name: string, input: string | PolicyOptions): PolicyOptions {
  const options = typeof input === 'string' ? { rate: input } : checkedShape(option, input);
  if (options.name !== undefined && options.name !== name) {
    throw new RateLimitConfigurationError(`${option}.name`, options.name, `Leave it out: the name is '${name}'.`);
  }
  return options;
}

function compileInline(input: string | PolicyOptions): CompiledPolicy {
  const compiled = compilePolicy('policies', input, () => '');
  if (typeof input === 'object' && input.name !== undefined) return withId(compiled, `=${input.name}`);
  const { limit, windowMs, burst, blockForMs, mode, calendar, timeZone } = compiled.policy;
  const window = calendar === undefined ? windowMs : `${calendar}@${timeZone}`;
  return withId(compiled, `=${[limit, window, burst, blockForMs, mode].join(',')}`);
}
