import type { Charge } from '../contracts/backend.js';
import type { Decision, LimitedDecision } from '../contracts/decision.js';
import type { CallOrigin } from '../contracts/events.js';
import type { FailureMode } from '../contracts/policy.js';
import { RateLimitExceededException } from '../contracts/rate-limit-exceeded.exception.js';
import { stackless } from '../contracts/stackless.js';
import type { CarriedCharge } from './carry-over.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';
import { refuses } from './decisions.js';

/** A request for a decision: what a call consumes, and what it gets if no backend can decide. */
export interface DecisionRequest extends CallOrigin {
  readonly charges: readonly Charge[];
  readonly failureMode: FailureMode;
  readonly timeoutMs: number;
  readonly overdraw?: boolean;
  /** A policy is charged by outcome: see `ConsumeRequest`. */
  readonly isProvisional?: boolean;
  /** Aborts when the caller stops waiting. */
  readonly signal?: AbortSignal;
  /** A decision that needs no backend: by the lists, by an override, or because there is no limit. */
  readonly settled?: Decision;
  /** Charges whose counters continue those before a change of the policy. */
  readonly carried?: readonly CarriedCharge[];
}

/** The same, with its policies. */
export interface PolicyDecisionRequest extends DecisionRequest {
  readonly policies: readonly CompiledPolicy[];
}

/** The exception of a refused call, with the message of the first refusing policy that has one. */
export function exceeded(
  { charges, policies }: PolicyDecisionRequest,
  decision: LimitedDecision,
): RateLimitExceededException {
  // Statuses are in the order of the charges.
  const refusing = charges.filter((_charge, index) => refuses(decision.policies[index])).map(({ policy }) => policy);
  // A policy with `blockFor` blocks at every refusal of a call that can pass at all.
  const blocked = charges.some(
    ({ policy }, index) =>
      policy.blockForMs > 0 && refuses(decision.policies[index]) && decision.policies[index]?.retryAfterMs !== null,
  );
  const spoken = policies.find(({ policy, message }) => message !== undefined && refusing.includes(policy));
  return stackless(() => new RateLimitExceededException(decision, spoken?.message, blocked));
}
