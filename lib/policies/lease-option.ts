import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { AlgorithmName, Policy, PolicyLease, PolicyOptions } from '../contracts/policy.js';
import { anObject, onlyKnown } from './option-checks.js';

/** What a policy says of units that are debited in advance: nothing, unless it has a `lease`. */
export type LeasePart = Pick<Policy, 'lease'>;

const SHAPE = "Give true, false or { size }: 'auto', or units that a process takes at a time.";

/**
 * Reads the `lease` of a policy.
 *
 * @throws RateLimitConfigurationError for an algorithm that refills, a policy that blocks, and a size that is none
 */
export function leaseOf(
  option: string,
  { lease, blockFor }: PolicyOptions,
  algorithm: AlgorithmName,
  limit: number,
): LeasePart {
  if (lease === undefined || lease === false) return {};
  if (lease !== true) anObject(`${option}.lease`, lease, SHAPE);
  if (algorithm !== 'fixed-window') {
    throw new RateLimitConfigurationError(
      `${option}.lease`,
      lease,
      `Units of '${algorithm}' cannot be taken in advance: set algorithm: 'fixed-window' or a calendar window, or leave lease out.`,
    );
  }
  if (blockFor !== undefined) {
    throw new RateLimitConfigurationError(
      `${option}.lease`,
      lease,
      'A block has to hold in all processes at once: leave blockFor or lease out.',
    );
  }
  return { lease: lease === true ? 'auto' : sizeOf(`${option}.lease`, lease, limit) };
}

/** The lease of a policy that gets another limit: no size is larger than that. */
export function leaseWithin(
  lease: boolean | PolicyLease,
  limitNow: () => number | null | undefined,
): boolean | PolicyLease {
  if (typeof lease === 'boolean' || typeof lease.size !== 'number') return lease;
  return { size: Math.max(1, Math.min(lease.size, limitNow() ?? lease.size)) };
}

function sizeOf(option: string, lease: PolicyLease, limit: number): 'auto' | number {
  onlyKnown(option, lease, ['size']);
  const { size = 'auto' } = lease;
  if (size === 'auto') return size;
  // A limit of 0 refuses everything, and is set for that.
  if (Number.isSafeInteger(size) && size >= 1 && size <= Math.max(1, limit)) return size;
  throw new RateLimitConfigurationError(
    `${option}.size`,
    size,
    `Give 'auto' or a whole number from 1 to the limit, which is ${limit}.`,
  );
}
