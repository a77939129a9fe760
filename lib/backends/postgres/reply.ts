import { presentWindowMs } from '../../algorithms/fixed-window.js';
import type { Charge, Reply } from '../../contracts/backend.js';
import type { PolicyStatus } from '../../contracts/decision.js';
import type { Policy } from '../../contracts/policy.js';

/** Numbers that the function returns for each charge, after the time. */
export const STATUS = 4;

/**
 * Checks and reads what the function returned.
 *
 * @param order the charge that each part of it is of
 * @throws TypeError if it is not what the function returns: something between here and PostgreSQL is not what it should be
 */
export function readReply(numbers: readonly number[], charges: readonly Charge[], order: readonly number[]): Reply {
  const wanted = 1 + STATUS * charges.length;
  if (numbers.length !== wanted || !numbers.every(Number.isSafeInteger)) {
    throw new TypeError(
      `The limiter function returned ${numbers.join().slice(0, 200)}; expected ${wanted} whole numbers.`,
    );
  }
  const [nowMs = 0, ...parts] = numbers;
  const policies = new Array<PolicyStatus>(charges.length);
  let allowed = true;
  order.forEach((place, part) => {
    const { policy } = charges[place] as Charge;
    const status = statusOf(policy, nowMs, parts.slice(part * STATUS, (part + 1) * STATUS));
    policies[place] = status;
    if (!status.allowed && policy.mode === 'enforce') allowed = false;
  });
  return { allowed, nowMs, policies };
}

/** The database's time, if it is outside the given borders of calendar windows. */
export const timeOutsideBorders = (numbers: readonly number[]): number | undefined =>
  numbers.length === 1 ? numbers[0] : undefined;

/** The numbers of an array as PostgreSQL writes it; NaN for what is none, such as NULL. */
export const numbersOf = (raw: unknown): readonly number[] =>
  typeof raw === 'string' ? raw.slice(1, -1).split(',').map(Number) : [];

function statusOf(
  policy: Policy,
  nowMs: number,
  [remaining = 0, resetAfterMs = 0, retryAfterMs = 0, nextUnitAfterMs = 0]: readonly number[],
): PolicyStatus {
  const { name, limit, mode, unit } = policy;
  return {
    name,
    limit,
    windowMs: presentWindowMs(policy, nowMs),
    allowed: retryAfterMs === 0,
    remaining,
    resetAfterMs,
    retryAfterMs: retryAfterMs < 0 ? null : retryAfterMs,
    nextUnitAfterMs,
    mode,
    unit,
  };
}
