import type { PolicyMode } from './policy.js';

/**
 * Who decided: the first (or only) backend, another member of a failover, this process, nobody, or `cache`: a cached
 * refusal, or units that the process took from the backend in advance.
 */
export type DecisionSource = 'primary' | 'fallback' | 'local' | 'cache' | 'none';

/** Why a call passed without being counted. */
export type UnenforcedReason = 'failed-open' | 'skipped' | 'disabled' | 'allow-listed';

/** The result of one policy for one call. */
export interface PolicyStatus {
  readonly name: string;
  /** The policy's units for each window. (A token bucket can hold more: its burst.) */
  readonly limit: number;
  readonly windowMs: number;
  /** Whether this policy allows the call. The call passes if every enforced policy allows it. */
  readonly allowed: boolean;
  /** Whole units left after this call, rounded down, never negative. */
  readonly remaining: number;
  /** Time until the full quota is back if there are no further calls. */
  readonly resetAfterMs: number;
  /**
   * Time until the same call passes if there are no other calls; 0 if it is allowed, `null` if it can never pass (its
   * cost is above the capacity, or the limit is 0).
   */
  readonly retryAfterMs: number | null;
  /**
   * Time until one more whole unit is left if there are no further calls; 0 with the full quota, or a limit of 0. Every
   * backend of this package sets it. If a custom backend does not, headers use `resetAfterMs`.
   */
  readonly nextUnitAfterMs?: number;
  readonly mode: PolicyMode;
  /** The key, in a decision on several subjects; hashed if the module hashes keys. */
  readonly key?: string;
  /** The policy's `unit`, if it is not requests. */
  readonly unit?: string | undefined;
}

/** The common part of all decisions. */
export interface DecisionBase {
  readonly allowed: boolean;
  readonly source: DecisionSource;
  /** The name of the backend that decided; `null` if none did. */
  readonly backend: string | null;
  /** One status for each policy, in the order of the request, including shadow policies. */
  readonly policies: readonly PolicyStatus[];
}

/** Every enforced policy allows the call, and all of them were charged. */
export interface AllowedDecision extends DecisionBase {
  readonly kind: 'allowed';
  readonly allowed: true;
}

/** At least one enforced policy refuses the call, and none was charged. */
export interface LimitedDecision extends DecisionBase {
  readonly kind: 'limited';
  readonly allowed: false;
  /** The longest wait among the policies that refuse; `null` if the same call can never pass. */
  readonly retryAfterMs: number | null;
  /** Why the call is refused if no policy refuses it: the key is on the module's deny list, and `policies` is empty. */
  readonly reason?: 'deny-listed';
  /** With a reason: the longest window of the policies of the call, for `Retry-After`. */
  readonly longestWindowMs?: number;
}

/** The call passes uncounted: `policies` is empty. */
export interface UnenforcedDecision extends DecisionBase {
  readonly kind: 'unenforced';
  readonly allowed: true;
  readonly reason: UnenforcedReason;
  /** The failure behind `failed-open`. */
  readonly cause?: Error;
}

/** The limiter's decision on one call. */
export type Decision = AllowedDecision | LimitedDecision | UnenforcedDecision;
