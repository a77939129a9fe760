import { isPromise } from '../contracts/maybe-promise.js';
import type { CallOutcome, ChargeOn } from '../contracts/policy.js';
import { isCost } from '../policies/compiled-policy.js';

/** HTTP statuses from here on are failures. */
const FIRST_FAILURE = 400;

/** Whether a call failed: by an error, or by its status. */
export const isFailure = (outcome: CallOutcome): boolean =>
  'error' in outcome || (outcome.status !== undefined && outcome.status >= FIRST_FAILURE);

/**
 * The units to charge for an outcome.
 *
 * @param cost the reserved units
 * @throws the error of the policy's function; TypeError if it returns neither a boolean nor a number of units
 */
export function unitsDue(chargeOn: ChargeOn, outcome: CallOutcome, cost: number): number {
  if (typeof chargeOn !== 'function') return isFailure(outcome) === (chargeOn === 'failure') ? cost : 0;
  const due: unknown = chargeOn(outcome);
  if (typeof due === 'boolean') return due ? cost : 0;
  if (isCost(due)) return due;
  // Otherwise a rejection would be unhandled.
  if (isPromise(due)) due.then(undefined, () => undefined);
  const found = typeof due === 'number' ? String(due) : isPromise(due) ? 'a promise' : typeof due;
  throw new TypeError(`It returned ${found}: return true, false or a whole number of at least 0.`);
}
