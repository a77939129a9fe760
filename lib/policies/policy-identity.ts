import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { Policy } from '../contracts/policy.js';
import type { CompiledPolicy } from './compiled-policy.js';

/**
 * Checks that no two different policies of one call share a counter.
 *
 * @param option the place of the policies, for the error
 * @throws RateLimitConfigurationError with the policy
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

/** Whether a policy's counter belongs to a decorator, or to the result of a dynamic policy. */
export const isOfPlace = ({ policy }: CompiledPolicy): boolean => policy.id.startsWith('@');

/** Whether a policy's counter belongs to `BackendService` only. */
export const isOfService = ({ policy }: CompiledPolicy): boolean => policy.id.startsWith('=');

/** Whether two policies with one counter are equal. */
export const isSameQuota = (one: Policy, other: Policy): boolean =>
  one === other || (Object.keys(one) as (keyof Policy)[]).every((property) => one[property] === other[property]);
