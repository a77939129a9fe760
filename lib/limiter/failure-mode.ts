import type { FailureMode } from '../contracts/policy.js';
import type { CompiledPolicy } from '../policies/compiled-policy.js';

const BY_STRICTNESS: readonly FailureMode[] = ['closed', 'local', 'open'];

/**
 * The failure mode of a call under several policies: the strictest of theirs, closed over local over open. A shadow
 * policy has no say, for it must never refuse: a call that has no other passes.
 *
 * @param byDefault mode of a policy that names none
 */
export function failureModeOf(policies: readonly CompiledPolicy[], byDefault: FailureMode): FailureMode {
  const enforced = policies.filter(({ policy }) => policy.mode === 'enforce');
  return BY_STRICTNESS.find((mode) => enforced.some((one) => (one.failureMode ?? byDefault) === mode)) ?? 'open';
}
