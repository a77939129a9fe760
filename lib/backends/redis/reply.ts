import { presentWindowMs } from '../../algorithms/fixed-window.js';
import { counted, type CounterState } from '../../algorithms/algorithm.js';
import type { Charge, Reply } from '../../contracts/backend.js';
import type { PolicyStatus } from '../../contracts/decision.js';
import type { Policy } from '../../contracts/policy.js';

/** Bytes of the reply for each charge: five doubles, big-endian. */
const STATUS = 40;

/** Further bytes for each charge of a refused call: three doubles, `at`, `used` and `rest` of its counter. */
const STATE = 24;

/** Used instead of a count: the counter is blocked until `at`, or it has a log, which is not sent. */
const BLOCKED = -1;
const UNTOLD = -2;

/** A counter after a refusal; `undefined` if it was not sent. */
export type ToldState = CounterState | undefined;

/**
 * Checks and reads a reply of the script.
 *
 * @throws TypeError for a reply that the script never sends: something between here and Redis changes replies
 */
export function readReply(raw: unknown, charges: readonly Charge[]): Reply {
  const length = STATUS * charges.length;
  const refused = length + STATE * charges.length;
  if (!Buffer.isBuffer(raw) || (raw.length !== length && raw.length !== refused)) {
    throw unexpected(raw, `${length} bytes`);
  }
  const nowMs = wholeNumber(raw, 0);
  const policies: PolicyStatus[] = [];
  let allowed = true;
  for (const { policy } of charges) {
    const status = readStatus(raw, STATUS * policies.length, policy, nowMs);
    policies.push(status);
    if (!status.allowed && policy.mode === 'enforce') allowed = false;
  }
  return { allowed, nowMs, policies };
}

/** The counters of a call that is refused, of a reply that `readReply` has read. */
export function readStates(raw: Buffer, charges: readonly Charge[]): readonly ToldState[] {
  return charges.map(({ policy: { windowMs } }, index) => {
    const from = STATUS * charges.length + STATE * index;
    if (raw.length < from + STATE) return undefined;
    const at = wholeNumber(raw, from);
    const used = wholeNumber(raw, from + 8);
    if (used === UNTOLD) return undefined;
    return used === BLOCKED ? counted(0, at, 0, 0) : counted(windowMs, at, used, wholeNumber(raw, from + 16));
  });
}

function readStatus(raw: Buffer, from: number, policy: Policy, nowMs: number): PolicyStatus {
  const { name, limit, mode, unit } = policy;
  const retryAfterMs = wholeNumber(raw, from + 24);
  return {
    name,
    limit,
    windowMs: presentWindowMs(policy, nowMs),
    allowed: retryAfterMs === 0,
    remaining: wholeNumber(raw, from + 8),
    resetAfterMs: wholeNumber(raw, from + 16),
    retryAfterMs: retryAfterMs < 0 ? null : retryAfterMs,
    nextUnitAfterMs: wholeNumber(raw, from + 32),
    mode,
    unit,
  };
}

export function wholeNumber(raw: Buffer, from: number): number {
  const number = raw.readDoubleBE(from);
  if (!Number.isSafeInteger(number)) throw unexpected(raw, 'whole numbers');
  return number;
}

export const unexpected = (raw: unknown, wanted: string): TypeError =>
  new TypeError(`The limiter script replied ${JSON.stringify(raw)?.slice(0, 200)}; expected ${wanted}.`);
