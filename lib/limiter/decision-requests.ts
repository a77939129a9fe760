import { Inject, Injectable } from '@nestjs/common';
import type { Charge } from '../contracts/backend.js';
import type { Decision, PolicyStatus } from '../contracts/decision.js';
import type { CallOrigin } from '../contracts/events.js';
import type { FailureMode } from '../contracts/policy.js';
import { wallMs } from '../contracts/process-time.js';
import { AccessLists, type AccessVerdict } from '../policies/access-lists.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';
import { PolicyCatalog } from '../policies/policy-catalog.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { type StoredKey, storedKeys } from './bounded-key.js';
import { distinct } from './charges.js';
import type { CarriedCharge } from './carry-over.js';
import type { PolicyDecisionRequest } from './decision-request.js';
import { allowListed, denyListed, notCounted } from './decisions.js';
import { failureModeOf } from './failure-mode.js';
import type { LookedUp } from './prepared-policies.js';
import { SimpleCharge, SimpleRequest } from './simple-request.js';

/** A policy of a call, the key that it counts, and the units that the call costs. */
export interface PolicyUse {
  readonly policy: CompiledPolicy;
  /** The key of the application, not hashed yet. */
  readonly key: string;
  readonly cost: number;
}

/** The options of a call beyond its policies and the module. */
export interface CallTerms extends CallOrigin {
  readonly failureMode?: FailureMode | undefined;
  readonly timeoutMs?: number | undefined;
  /** The key of the caller's IP address, for the lists: `ip:192.0.2.1`. */
  readonly addressKey?: () => string | undefined;
}

/** What applies to a key now instead of its policy. */
interface BlockedUse {
  readonly charge: Charge;
  readonly status: PolicyStatus;
}

/** Creates the requests for decisions. Here lists and overrides are applied, once for each call. */
@Injectable()
export class DecisionRequests {
  private readonly storedKey: StoredKey;
  private readonly lists: AccessLists;

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
  ) {
    this.storedKey = storedKeys(settings.hashKeys);
    this.lists = new AccessLists(settings.lists);
  }

  /** A request that charges or peeks. */
  of(uses: readonly PolicyUse[], terms: CallTerms = {}): PolicyDecisionRequest {
    const listed = this.lists.isEmpty ? undefined : this.listed(uses, terms.addressKey?.());
    if (listed !== undefined) return { ...this.plain(uses, terms), settled: this.listedDecision(listed, uses) };
    return this.catalog.hasOverrides ? this.ruled(uses, terms) : this.plain(uses, terms);
  }

  /**
   * The same request as `of`, for one key and prepared policies; `undefined` if a list or override may apply to the
   * key, or a policy needs more than its units. Most calls use it, and it only allocates the request.
   *
   * @param cost units for each policy. Default: each policy's own cost
   */
  simple(
    { policies, areSimple, failureModes }: LookedUp,
    key: string,
    cost: number | undefined,
    terms: CallTerms,
  ): PolicyDecisionRequest | undefined {
    if (!areSimple || !this.lists.isEmpty || this.catalog.hasOverrides) return undefined;
    const { failureMode, timeoutMs } = terms;
    const storedKey = this.storedKey(key);
    return new SimpleRequest(
      terms,
      policies,
      policies.map(({ policy, cost: own }) => new SimpleCharge(storedKey, policy, cost ?? (own as number))),
      failureMode ?? failureModes[this.settings.failureMode],
      timeoutMs ?? this.settings.timeoutMs,
    );
  }

  /**
   * A request that refunds or resets: it uses the original counters, even if lists or overrides apply to the key now.
   */
  plain(uses: readonly PolicyUse[], terms: CallTerms = {}): PolicyDecisionRequest {
    const { failureMode, timeoutMs, route, transport } = terms;
    const policies = uses.map(({ policy }) => policy);
    const charges = distinct(uses.map((use) => this.chargeOf(use)));
    const carried = policies.some(({ carriedFrom }) => carriedFrom !== undefined) ? this.carried(uses) : undefined;
    return {
      route,
      transport,
      policies,
      charges,
      failureMode: failureMode ?? failureModeOf(policies, this.settings.failureMode),
      timeoutMs: timeoutMs ?? this.settings.timeoutMs,
      ...(carried !== undefined && { carried }),
      ...(policies.some(({ chargeOn }) => chargeOn !== undefined) && { isProvisional: true }),
      ...(charges.length === 0 && { settled: notCounted('skipped') }),
    };
  }

  private ruled(uses: readonly PolicyUse[], terms: CallTerms): PolicyDecisionRequest {
    const blocked: BlockedUse[] = [];
    const counted = uses.flatMap((use): PolicyUse[] => {
      const rule = this.catalog.ruleFor(use.policy, use.key);
      if (rule === undefined) return [use];
      if (rule.to === 'unlimited') return [];
      if (rule.to !== 'blocked') return [{ ...use, policy: rule.to }];
      if (use.policy.policy.mode === 'enforce') blocked.push(this.blocked(use, rule.untilMs));
      return [];
    });
    if (blocked.length === 0) return this.plain(counted, terms);
    const policies = blocked.map(({ status }) => status);
    const waits = policies.map(({ retryAfterMs }) => retryAfterMs);
    const retryAfterMs = waits.includes(null) ? null : Math.max(...waits.map(Number));
    return {
      ...this.plain(uses, terms),
      charges: blocked.map(({ charge }) => charge),
      settled: { kind: 'limited', allowed: false, source: 'none', backend: null, policies, retryAfterMs },
    };
  }

  private carried(uses: readonly PolicyUse[]): readonly CarriedCharge[] {
    return uses.flatMap((use) => {
      const { carriedFrom: from } = use.policy;
      return from === undefined ? [] : [{ charge: this.chargeOf(use), from }];
    });
  }

  private blocked(use: PolicyUse, untilMs: number | undefined): BlockedUse {
    const { name, limit, windowMs, mode } = use.policy.policy;
    const leftMs = untilMs === undefined ? null : Math.max(0, untilMs - wallMs());
    const status: PolicyStatus = {
      name,
      limit,
      windowMs,
      allowed: false,
      remaining: 0,
      resetAfterMs: leftMs ?? 0,
      retryAfterMs: leftMs,
      mode,
    };
    return { charge: this.chargeOf(use), status };
  }

  private listed(uses: readonly PolicyUse[], addressKey: string | undefined): AccessVerdict {
    if (uses.length === 0) return undefined;
    const keys = uses.map(({ key }) => key);
    return this.lists.verdict(addressKey === undefined ? keys : [...keys, addressKey]);
  }

  private listedDecision(verdict: NonNullable<AccessVerdict>, uses: readonly PolicyUse[]): Decision {
    if (verdict === 'allow-listed') return allowListed();
    return denyListed(Math.max(...uses.map(({ policy }) => policy.policy.windowMs)));
  }

  private chargeOf({ policy: { policy }, key, cost }: PolicyUse): Charge {
    return { key: this.storedKey(key), policy, cost };
  }
}
