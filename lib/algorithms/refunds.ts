import type { Charge, Refund } from '../contracts/backend.js';
import type { PolicyStatus } from '../contracts/decision.js';
import { MAX_PRODUCT } from './algorithm.js';
import { commonFactor } from './quotient.js';

/** A charge as it can be given back later. */
export function refundOf(charge: Charge, status: PolicyStatus): Refund {
  return charge.policy.algorithm === 'token-bucket' ? { ...charge, owed: owedAfter(charge, status) } : charge;
}

/** Two parts of a charge: some units of it, the last ones, and the rest. */
export function divide(refund: Refund, units: number): readonly [part: Refund, rest: Refund] {
  const { cost, owed, policy } = refund;
  const part = { ...refund, cost: units };
  const rest = { ...refund, cost: cost - units };
  return [part, owed === undefined ? rest : { ...rest, owed: Math.max(0, owed - units * policy.windowMs) }];
}

/**
 * What a bucket owed right after a charge: at least the charge itself, and so much that it is repaid in no less than
 * `resetAfterMs`, which is rounded up. By the limit of the status: in mode `local` the policy's own is not what counts.
 */
const owedAfter = ({ cost }: Charge, { limit, windowMs, resetAfterMs }: PolicyStatus): number =>
  Math.min(Math.max(cost * windowMs, (resetAfterMs - 1) * limit + 1), MAX_PRODUCT * commonFactor(limit, windowMs));
