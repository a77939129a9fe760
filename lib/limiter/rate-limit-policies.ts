import { Inject, Injectable } from '@nestjs/common';
import type { PolicyInput } from '../contracts/policy.js';
import type {
  OverrideTarget,
  PlainPolicy,
  PolicyChangeNote,
  PolicyDocument,
  PolicyOverride,
} from '../contracts/policy-store.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { wallMs } from '../contracts/process-time.js';
import { PolicyCatalog } from '../policies/policy-catalog.js';
import {
  type CarryOver,
  checkedOverride,
  isoTime,
  withOverride,
  withoutOverride,
  withoutPolicy,
  withPolicy,
  withShadow,
} from '../policies/policy-document.js';
import { oneOf } from '../policies/option-checks.js';
import { PolicyStoreSync } from './policy-store.sync.js';

/** The current state of a module policy. */
export interface LivePolicy {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly algorithm: string;
  readonly mode: 'enforce' | 'shadow';
  /** Whether `set` changed it. `unset` restores the module's definition. */
  readonly changed: boolean;
}

/** Options of `set`. */
export interface SetPolicyOptions extends PolicyChangeNote {
  /**
   * What happens to the counts: they stay (`as-is`), the used share stays the same (`proportional`), or every key
   * starts again (`reset`). Default `as-is`.
   */
  readonly carryOver?: CarryOver;
}

/** Options of `override`. */
export interface OverridePolicyOptions extends PolicyChangeNote {
  /** When the override ends: a date, ms since the epoch, or ISO 8601. Default: never. */
  readonly until?: Date | string | number;
}

/**
 * Changes the module's policies while the application runs.
 *
 * A change is validated first, and a wrong change has no effect. It applies immediately in this process, and within a
 * second in all processes that share the module's `policyStore`, where it also survives restarts. Each change is an
 * event of kind `policy-change`.
 *
 * @example
 * await policies.override('api', 'user:42', '10000/h', { until: '2027-01-01T00:00:00Z', by: 'support' });
 */
@Injectable()
export class RateLimitPolicies {
  constructor(
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
    @Inject(PolicyStoreSync) private readonly sync: PolicyStoreSync,
  ) {}

  /** The current policies of the module, except those that depend on the request. */
  list(): readonly LivePolicy[] {
    return this.catalog.names.map((name) => {
      const { limit, windowMs, algorithm, mode } = this.catalog.byName('policies', name).policy;
      return { name, limit, windowMs, algorithm, mode, changed: this.catalog.document.policies[name] !== undefined };
    });
  }

  /** The current overrides. */
  overrides(): readonly PolicyOverride[] {
    return this.catalog.document.overrides.filter(({ until }) => until === undefined || Date.parse(until) > wallMs());
  }

  /**
   * Changes a policy of the module. Options that are not given here (its key, its functions) stay the same.
   *
   * @param policy a rate, or options without functions
   * @throws RateLimitConfigurationError for an unknown name or a wrong policy
   * @throws BackendUnavailableError if the policy store is not available
   */
  async set(name: string, policy: PolicyInput, options: SetPolicyOptions = {}): Promise<void> {
    const { carryOver = 'as-is' } = options;
    oneOf('carryOver', carryOver, ['as-is', 'proportional', 'reset']);
    const plain = plainOptions(`policies.${name}`, policy);
    await this.change(options, (document) => {
      const { limit, algorithm } = this.catalog.byName('policies', name).policy;
      if (algorithm === 'concurrency' && carryOver !== 'as-is') {
        // Running calls hold their slots. With new counters, more calls could run than the limit allows.
        throw new RateLimitConfigurationError('carryOver', carryOver, 'Slots stay as they are: leave carryOver out.');
      }
      return withPolicy(document, name, plain, carryOver, limit);
    });
  }

  /** Restores the module's definition of a policy. Throws like `set`. */
  async unset(name: string, options: PolicyChangeNote = {}): Promise<void> {
    this.requireKnown([name]);
    await this.change(options, (document) => withoutPolicy(document, name));
  }

  /**
   * Gives another quota of a policy to one key, or to all keys that a pattern matches. The key's own counter counts it.
   * An exact key wins over a pattern, and a longer pattern or network wins over a shorter one.
   *
   * @param keyOrPattern a key (`user:42`), a prefix (`user:bot-*`) or a network (`ip:10.0.0.0/8`)
   * @param to a rate or options; `'unlimited'`: this policy does not limit the key; `'blocked'`: every call is refused
   * @throws the errors of `set`
   */
  async override(
    name: string,
    keyOrPattern: string,
    to: PolicyInput,
    options: OverridePolicyOptions = {},
  ): Promise<void> {
    const { until, by, reason } = options;
    const override = checkedOverride('override', {
      policy: name,
      key: keyOrPattern,
      to: plainOptions('override.to', to),
      ...(until !== undefined && { until: isoTime('override.until', until) }),
      ...(by !== undefined && { by }),
      ...(reason !== undefined && { reason }),
    });
    await this.change(options, (document) => withOverride(document, override));
  }

  /** Removes an override. Throws like `set`. */
  async removeOverride(name: string, keyOrPattern: string, options: PolicyChangeNote = {}): Promise<void> {
    this.requireKnown([name]);
    await this.change(options, (document) => withoutOverride(document, name, keyOrPattern));
  }

  /**
   * Switches shadow mode on or off. In shadow mode, policies count and report, but do not refuse calls.
   *
   * @param names policies of the module; default: every policy, including those in decorators
   * @throws the errors of `set`
   */
  async shadow(on: boolean, names?: readonly string[], options: PolicyChangeNote = {}): Promise<void> {
    if (names !== undefined) this.requireKnown(names);
    await this.change(options, (document) => withShadow(document, on, names, this.catalog.names));
  }

  private requireKnown(names: readonly string[]): void {
    for (const name of names) this.catalog.byName('policies', name);
  }

  private change(note: PolicyChangeNote, update: (document: PolicyDocument) => PolicyDocument): Promise<void> {
    const { by, reason } = note;
    const last = { ...(by !== undefined && { by }), ...(reason !== undefined && { reason }) };
    return this.sync.change((document) => ({ ...update(document), last }));
  }
}

/** @throws RateLimitConfigurationError for what a store cannot keep */
function plainOptions(option: string, policy: PolicyInput): OverrideTarget {
  if (typeof policy === 'string') return policy;
  const isPlain = typeof policy === 'object' && Object.values(policy).every((value) => typeof value !== 'function');
  if (isPlain && !('name' in policy) && !('scope' in policy)) return policy as PlainPolicy;
  throw new RateLimitConfigurationError(
    option,
    policy,
    'Give a rate, or options that are plain data: name, scope and functions stay as the module defines them.',
  );
}
