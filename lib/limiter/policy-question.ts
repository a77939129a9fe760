import type { LimitedDecision } from '../contracts/decision.js';
import { RateLimitExceededException } from '../contracts/rate-limit-exceeded.exception.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';
import type { Question } from './decider.js';
import { refuses } from './decisions.js';

/** A question, and the policies that it comes from. */
export interface PolicyQuestion extends Question {
  readonly policies: readonly CompiledPolicy[];
}

/** The exception of a call that is refused: with the message of the first policy that refuses it and has one. */
export function exceeded({ charges, policies }: PolicyQuestion, decision: LimitedDecision): RateLimitExceededException {
  // Statuses are in the order of the charges.
  const refusing = charges.filter((_charge, index) => refuses(decision.policies[index])).map(({ policy }) => policy);
  const spoken = policies.find(({ policy, message }) => message !== undefined && refusing.includes(policy));
  return new RateLimitExceededException(decision, spoken?.message);
}
