import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { AlgorithmName, Policy, PolicyLease, PolicyOptions } from '../contracts/policy.js';
import { anObject, onlyKnown } from './option-checks.js';

/** The lease of a policy, if it has one. */
export type LeasePart = Pick<Policy, 'lease'>;

const SHAPE = "Give true, false or { size }, where size is 'auto' or a number of units.";

/**
 * Reads the `lease` of a policy.
 *
 * @throws RateLimitConfigurationError for an algorithm other than `fixed-window`, a policy with `blockFor`, or an invalid size
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
      `Units of '${algorithm}' cannot be taken in advance: set algorithm: 'fixed-window' or a calendar window, or leave out lease.`,
    );
  }
  if (blockFor !== undefined) {
    throw new RateLimitConfigurationError(
      `${option}.lease`,
      lease,
      'A block must apply in all processes at once: leave out blockFor or lease.',
    );
  }
  return { lease: lease === true ? 'auto' : sizeOf(`${option}.lease`, lease, limit) };
}

/** The lease of a policy under a new limit, with a size of at most this limit. */
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
  // A limit of 0 refuses everything. It must not fail because of the size.
  if (Number.isSafeInteger(size) && size >= 1 && size <= Math.max(1, limit)) return size;
  throw new RateLimitConfigurationError(
    `${option}.size`,
    size,
    `Give 'auto' or a whole number from 1 to the limit, which is ${limit}.`,
  );
}
