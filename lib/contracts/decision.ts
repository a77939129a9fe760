import type { PolicyMode } from './policy.js';

/**
 * Who decided: the first (or only) backend, another member of a failover, this process alone, what the process knows of
 * the store (`cache`: a refusal, or units that were debited in advance), or nobody.
 */
export type DecisionSource = 'primary' | 'fallback' | 'local' | 'cache' | 'none';

/** Why a call passed without being counted. */
export type UnenforcedReason = 'failed-open' | 'skipped' | 'disabled' | 'allow-listed';

/** What one policy says of one call. */
export interface PolicyStatus {
  readonly name: string;
  /** The policy's units for each window (a token bucket may hold more: its burst). */
  readonly limit: number;
  readonly windowMs: number;
  /** This policy's own verdict; the call passes if every enforced policy allows it. */
  readonly allowed: boolean;
  /** Whole units left after this call, floored, never negative. */
  readonly remaining: number;
  /** Time until the full quota is back if nobody calls. */
  readonly resetAfterMs: number;
  /**
   * Earliest time at which the same call passes if nobody else calls; 0 when it is allowed, `null` when it can never
   * pass (a cost above the capacity, or a limit of 0).
   */
  readonly retryAfterMs: number | null;
  /**
   * Time until one whole unit more than `remaining` is left if nobody calls; 0 with the full quota, or a limit of 0.
   * Every backend of this package tells it. Where one of another origin does not, headers take `resetAfterMs` instead.
   */
  readonly nextUnitAfterMs?: number;
  readonly mode: PolicyMode;
  /** The key, in a decision on several subjects; hashed where the module hashes keys. */
  readonly key?: string;
  /** What is counted, where that is not requests: the policy's `unit`. */
  readonly unit?: string | undefined;
}

/** What every decision tells. */
export interface DecisionBase {
  readonly allowed: boolean;
  readonly source: DecisionSource;
  /** Name of the backend that decided, `null` if none did. */
  readonly backend: string | null;
  /** One status for each policy, in the order asked; shadow policies included. */
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
  /** Why, where no policy refuses it: the key is on the module's deny list, and `policies` is empty. */
  readonly reason?: 'deny-listed';
  /** With a reason: the longest window of the policies of the call, for `Retry-After`. */
  readonly longestWindowMs?: number;
}

/** The call passes and nothing is known: `policies` is empty. */
export interface UnenforcedDecision extends DecisionBase {
  readonly kind: 'unenforced';
  readonly allowed: true;
  readonly reason: UnenforcedReason;
  /** The failure behind `failed-open`. */
  readonly cause?: Error;
}

/** What the limiter says of one call. */
export type Decision = AllowedDecision | LimitedDecision | UnenforcedDecision;
