import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { ChargeOn } from '../contracts/policy.js';

/** @throws RateLimitConfigurationError for an invalid `chargeOn` */
export function checkChargeOn(option: string, chargeOn: ChargeOn | undefined): void {
  if (chargeOn === undefined || chargeOn === 'success' || chargeOn === 'failure') return;
  if (typeof chargeOn === 'function') return;
  throw new RateLimitConfigurationError(
    option,
    chargeOn,
    "Give 'success', 'failure', or a function such as ({ status }) => status === 401.",
  );
}
