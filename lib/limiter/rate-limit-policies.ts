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

/** A policy of the module as it is now. */
export interface LivePolicy {
  readonly name: string;
  readonly limit: number;
  readonly windowMs: number;
  readonly algorithm: string;
  readonly mode: 'enforce' | 'shadow';
  /** Whether `set` changed it: `unset` takes it back to what the module defines. */
  readonly changed: boolean;
}

/** How `set` changes a policy. */
export interface SetPolicyOptions extends PolicyChangeNote {
  /**
   * What becomes of what was counted: it stays counted (`as-is`), the used share stays the same (`proportional`), or
   * every key begins anew (`reset`). Default `as-is`.
   */
  readonly carryOver?: CarryOver;
}

/** How `override` changes a policy for a key. */
export interface OverridePolicyOptions extends PolicyChangeNote {
  /** When it ends by itself: a date, ms since the epoch, or ISO 8601. Default: never. */
  readonly until?: Date | string | number;
}

/**
 * Changes the module's policies while the application runs.
 *
 * A change is validated first, and a wrong one changes nothing. It holds at once in this process, and within a second
 * in all processes that share the module's `policyStore`; there it survives restarts. Each is an event of kind
 * `policy-change`.
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

  /** The module's policies as they are now, but those that are found by the request. */
  list(): readonly LivePolicy[] {
    return this.catalog.names.map((name) => {
      const { limit, windowMs, algorithm, mode } = this.catalog.byName('policies', name).policy;
      return { name, limit, windowMs, algorithm, mode, changed: this.catalog.document.policies[name] !== undefined };
    });
  }

  /** The overrides that hold now. */
  overrides(): readonly PolicyOverride[] {
    return this.catalog.document.overrides.filter(({ until }) => until === undefined || Date.parse(until) > wallMs());
  }

  /**
   * Changes a policy, over what the module defines: what is not named here (its key, its functions) stays.
   *
   * @param policy a rate, or options without functions
   * @throws RateLimitConfigurationError for an unknown name or a policy that is wrong
   * @throws BackendUnavailableError if the policy store is out of reach
   */
  async set(name: string, policy: PolicyInput, options: SetPolicyOptions = {}): Promise<void> {
    const { carryOver = 'as-is' } = options;
    oneOf('carryOver', carryOver, ['as-is', 'proportional', 'reset']);
    const plain = plainOptions(`policies.${name}`, policy);
    await this.change(options, (document) => {
      const { limit, algorithm } = this.catalog.byName('policies', name).policy;
      if (algorithm === 'concurrency' && carryOver !== 'as-is') {
        // Calls in flight hold their slots: counted anew, more could run than the limit allows.
        throw new RateLimitConfigurationError('carryOver', carryOver, 'Slots stay as they are: leave carryOver out.');
      }
      return withPolicy(document, name, plain, carryOver, limit);
    });
  }

  /** Takes a policy back to what the module defines. Fails as `set` does. */
  async unset(name: string, options: PolicyChangeNote = {}): Promise<void> {
    this.requireKnown([name]);
    await this.change(options, (document) => withoutPolicy(document, name));
  }

  /**
   * Gives one key, or all keys that a pattern matches, another quota of a policy. It is counted in the key's own
   * counter. An exact key beats a pattern, a longer pattern or network a shorter one.
   *
   * @param keyOrPattern a key (`user:42`), a prefix (`user:bot-*`) or a network (`ip:10.0.0.0/8`)
   * @param to a rate or options; `'unlimited'`: not limited by this policy; `'blocked'`: every call is refused
   * @throws as `set` does
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

  /** Ends an override. Fails as `set` does. */
  async removeOverride(name: string, keyOrPattern: string, options: PolicyChangeNote = {}): Promise<void> {
    this.requireKnown([name]);
    await this.change(options, (document) => withoutOverride(document, name, keyOrPattern));
  }

  /**
   * Keeps policies from refusing calls, or lets them refuse again: in shadow they count and report only.
   *
   * @param names policies of the module; default: every policy, those in decorators included
   * @throws as `set` does
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
