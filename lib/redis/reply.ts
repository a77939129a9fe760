import type { Charge, Reply } from '../contracts/backend.js';
import type { PolicyStatus } from '../contracts/decision.js';
import type { Policy } from '../contracts/policy.js';

/** Numbers that the script replies before those of the charges, and for each charge. */
const HEAD = 1;
const PER_CHARGE = 3;

/**
 * Checks and reads a reply of the script.
 *
 * @throws TypeError if it is not what the script replies: something between here and Redis is not what it should be
 */
export function readReply(raw: unknown, charges: readonly Charge[]): Reply {
  const numbers = wholeNumbers(raw, HEAD + PER_CHARGE * charges.length);
  const policies: PolicyStatus[] = [];
  let allowed = true;
  for (const { policy } of charges) {
    const status = readStatus(numbers, HEAD + PER_CHARGE * policies.length, policy);
    policies.push(status);
    if (!status.allowed && policy.mode === 'enforce') allowed = false;
  }
  return { allowed, nowMs: numbers[0] as number, policies };
}

function readStatus(numbers: readonly number[], from: number, { name, limit, windowMs, mode }: Policy): PolicyStatus {
  const retryAfterMs = numbers[from + 2] as number;
  return {
    name,
    limit,
    windowMs,
    allowed: retryAfterMs === 0,
    remaining: numbers[from] as number,
    resetAfterMs: numbers[from + 1] as number,
    retryAfterMs: retryAfterMs < 0 ? null : retryAfterMs,
    mode,
  };
}

function wholeNumbers(raw: unknown, length: number): readonly number[] {
  if (!Array.isArray(raw) || raw.length !== length) throw unexpected(raw, `an array of ${length}`);
  if (raw.every(Number.isSafeInteger)) return raw as readonly number[];
  // A client with `stringNumbers` gives numbers as strings.
  const numbers = raw.map((item) => (typeof item === 'string' && item !== '' ? Number(item) : Number.NaN));
  if (!numbers.every(Number.isSafeInteger)) throw unexpected(raw, 'whole numbers');
  return numbers;
}

const unexpected = (raw: unknown, wanted: string): TypeError =>
  new TypeError(`The limiter script replied ${JSON.stringify(raw)?.slice(0, 200)}; expected ${wanted}.`);
