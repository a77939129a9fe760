import type { Charge } from '../contracts/backend.js';
import type { Decision, LimitedDecision } from '../contracts/decision.js';
import type { CallOrigin } from '../contracts/events.js';
import type { FailureMode } from '../contracts/policy.js';
import { RateLimitExceededException } from '../contracts/rate-limit-exceeded.exception.js';
import { stackless } from '../contracts/stackless.js';
import type { CarriedCharge } from './carry-over.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';
import { refuses } from './decisions.js';

/** What is to be decided: what a call consumes, and what it gets when no backend can decide. */
export interface DecisionRequest extends CallOrigin {
  readonly charges: readonly Charge[];
  readonly failureMode: FailureMode;
  readonly timeoutMs: number;
  readonly overdraw?: boolean;
  /** A policy is charged by outcome: see `ConsumeRequest`. */
  readonly isProvisional?: boolean;
  /** Aborts when the caller stops waiting. */
  readonly signal?: AbortSignal;
  /** What is decided already, so that no backend is asked: by the lists, an override, or for want of a limit. */
  readonly settled?: Decision;
  /** Charges whose counters continue those before a change of the policy. */
  readonly carried?: readonly CarriedCharge[];
}

/** The same, with the policies that it comes from. */
export interface PolicyDecisionRequest extends DecisionRequest {
  readonly policies: readonly CompiledPolicy[];
}

/** The exception of a call that is refused: with the message of the first policy that refuses it and has one. */
export function exceeded(
  { charges, policies }: PolicyDecisionRequest,
  decision: LimitedDecision,
): RateLimitExceededException {
  // Statuses are in the order of the charges.
  const refusing = charges.filter((_charge, index) => refuses(decision.policies[index])).map(({ policy }) => policy);
  // A policy that blocks does so at every refusal of a call that can pass at all.
  const blocked = charges.some(
    ({ policy }, index) =>
      policy.blockForMs > 0 && refuses(decision.policies[index]) && decision.policies[index]?.retryAfterMs !== null,
  );
  const spoken = policies.find(({ policy, message }) => message !== undefined && refusing.includes(policy));
  return stackless(() => new RateLimitExceededException(decision, spoken?.message, blocked));
}
