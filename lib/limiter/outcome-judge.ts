import { isPromise } from '../contracts/maybe-promise.js';
import type { CallOutcome, ChargeOn } from '../contracts/policy.js';
import { isCost } from '../policies/compiled-policy.js';

/** HTTP statuses from here on are failures. */
const FIRST_FAILURE = 400;

/** Whether a call failed: by an error, or by the status that its client got. */
export const isFailure = (outcome: CallOutcome): boolean =>
  'error' in outcome || (outcome.status !== undefined && outcome.status >= FIRST_FAILURE);

/**
 * Units that a call is charged now that its outcome is known.
 *
 * @param cost units that were reserved
 * @throws what the function of the policy throws; TypeError if it answers neither a boolean nor a number of units
 */
export function unitsDue(chargeOn: ChargeOn, outcome: CallOutcome, cost: number): number {
  if (typeof chargeOn !== 'function') return isFailure(outcome) === (chargeOn === 'failure') ? cost : 0;
  const due: unknown = chargeOn(outcome);
  if (typeof due === 'boolean') return due ? cost : 0;
  if (isCost(due)) return due;
  // What it rejects with would be an unhandled rejection.
  if (isPromise(due)) due.then(undefined, () => undefined);
  const found = typeof due === 'number' ? String(due) : isPromise(due) ? 'a promise' : typeof due;
  throw new TypeError(`It returned ${found}: return true, false or a whole number of at least 0.`);
}
