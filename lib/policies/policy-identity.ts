import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { Policy } from '../contracts/policy.js';
import type { CompiledPolicy } from './compiled-policy.js';

/**
 * Checks that no two policies of one call would share a counter though they say different things.
 *
 * @param option where the policies are written, for the error
 * @throws RateLimitConfigurationError naming the policy
 */
export function checkApart(option: string, policies: readonly CompiledPolicy[]): void {
  if (policies.length < 2) return;
  const byId = new Map<string, Policy>();
  for (const { policy } of policies) {
    const other = byId.get(policy.id);
    if (other !== undefined && !isSameQuota(other, policy)) {
      throw new RateLimitConfigurationError(
        option,
        policy.name,
        'Two different policies have this name in one place, and would share a counter: give each a name of its own.',
      );
    }
    byId.set(policy.id, policy);
  }
}

/** Whether a policy's counter is that of a place where a decorator, or the answer of a dynamic policy, is written. */
export const isOfPlace = ({ policy }: CompiledPolicy): boolean => policy.id.startsWith('@');

/** Whether a policy's counter is one of `BackendService` alone. */
export const isOfService = ({ policy }: CompiledPolicy): boolean => policy.id.startsWith('=');

/** Whether two policies of one counter say the same. */
export const isSameQuota = (one: Policy, other: Policy): boolean =>
  one === other || (Object.keys(one) as (keyof Policy)[]).every((property) => one[property] === other[property]);
