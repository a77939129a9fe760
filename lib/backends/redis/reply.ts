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

/** Where the reply to one of several calls is. */
export interface Part {
  readonly from: number;
  readonly to: number;
}

/** A counter after a refusal; `undefined` if it was not sent. */
export type ToldState = CounterState | undefined;

/**
 * Checks and reads a reply of the script.
 *
 * @param part where it is in a reply to several calls. Default: all of it
 * @throws TypeError for a reply that the script never sends: something between here and Redis changes replies
 */
export function readReply(raw: unknown, charges: readonly Charge[], part?: Part): Reply {
  const length = STATUS * charges.length;
  if (!Buffer.isBuffer(raw)) throw unexpected(raw, `${length} bytes`);
  const { from, to } = part ?? { from: 0, to: raw.length };
  if (to - from !== length && to - from !== length + STATE * charges.length) throw unexpected(raw, `${length} bytes`);
  const nowMs = wholeNumber(raw, from);
  const policies = new Array<PolicyStatus>(charges.length);
  let allowed = true;
  for (let index = 0; index < charges.length; index += 1) {
    const { policy } = charges[index] as Charge;
    const status = readStatus(raw, from + STATUS * index, policy, nowMs);
    policies[index] = status;
    if (!status.allowed && policy.mode === 'enforce') allowed = false;
  }
  return { allowed, nowMs, policies };
}

/** The counters of a call that is refused, of a reply that `readReply` has read. */
export function readStates(raw: Buffer, charges: readonly Charge[], part?: Part): readonly ToldState[] {
  const { from, to } = part ?? { from: 0, to: raw.length };
  return charges.map(({ policy: { windowMs } }, index) => {
    const state = from + STATUS * charges.length + STATE * index;
    if (to < state + STATE) return undefined;
    const at = wholeNumber(raw, state);
    const used = wholeNumber(raw, state + 8);
    if (used === UNTOLD) return undefined;
    return used === BLOCKED ? counted(0, at, 0, 0) : counted(windowMs, at, used, wholeNumber(raw, state + 16));
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
