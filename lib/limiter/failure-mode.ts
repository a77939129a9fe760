import type { FailureMode } from '../contracts/policy.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';

const BY_STRICTNESS: readonly FailureMode[] = ['closed', 'local', 'open'];

/**
 * The failure mode of a call with several policies: the strictest, closed over local over open. Shadow policies do not
 * count, because they must never refuse: a call with only shadow policies passes.
 *
 * @param byDefault mode of a policy without one
 */
export function failureModeOf(policies: readonly CompiledPolicy[], byDefault: FailureMode): FailureMode {
  const enforced = policies.filter(({ policy }) => policy.mode === 'enforce');
  return BY_STRICTNESS.find((mode) => enforced.some((one) => (one.failureMode ?? byDefault) === mode)) ?? 'open';
}
