import type { CounterState } from '../algorithms/algorithm.js';
import { decide } from '../algorithms/counter.js';
import type { Charge, Reply } from '../contracts/backend.js';
import type { PolicyStatus } from '../contracts/decision.js';
import type { Policy } from '../contracts/policy.js';
import { isSameQuota } from '../policies/policy-identity.js';

/** What a store said of a call that it refused. */
export interface Refused {
  readonly reply: Reply;
  /** The counter of each charge at the time of the reply, if the store told it. With it, calls that cost more are answered too. */
  readonly states: readonly (CounterState | undefined)[];
  /** `now()` of the cache before the call was sent. */
  readonly sentMs: number;
}

/** A charge of a refused call. */
class RefusedCharge implements Charge {
  readonly key: string;
  readonly policy: Policy;
  readonly cost: number;

  constructor(
    { key, policy, cost }: Charge,
    readonly status: PolicyStatus,
    readonly state: CounterState | undefined,
  ) {
    this.key = key;
    this.policy = policy;
    this.cost = cost;
  }
}

/**
 * A refusal that is remembered: few objects, because with thousands of refusals the processor waits for each of them.
 */
export class Refusal {
  readonly charges: readonly RefusedCharge[];
  /** The store's time of the refusal. */
  readonly nowMs: number;
  /** In whole ms, rounded down: a fraction would be an object of its own. */
  readonly sentMs: number;

  /**
   * @param untilMs until when it holds; 0 once it may be wrong
   * @param lastUse number of its last use among those of all
   */
  constructor(
    charges: readonly Charge[],
    { reply, states, sentMs }: Refused,
    public untilMs: number,
    public lastUse: number,
  ) {
    this.charges = charges.map(
      (charge, index) => new RefusedCharge(charge, reply.policies[index] as PolicyStatus, states[index]),
    );
    this.nowMs = reply.nowMs;
    this.sentMs = Math.floor(sentMs);
  }
}

/**
 * For how long the store would refuse such calls, and what its policies say is known; 0 if it is not.
 */
export function validForMs(charges: readonly Charge[], { reply, states }: Refused): number {
  let refusedForMs = 0;
  let knownForMs = Number.POSITIVE_INFINITY;
  for (let index = 0; index < charges.length; index += 1) {
    const { policy } = charges[index] as Charge;
    const status = reply.policies[index] as PolicyStatus;
    // A shadow policy counts what the others refuse to, and slots are freed at any time.
    if (policy.mode === 'shadow' || policy.algorithm === 'concurrency') return 0;
    if (status.allowed) {
      // By the time of the next call it may refuse, and block then.
      if (policy.blockForMs > 0) return 0;
      continue;
    }
    const { nextUnitAfterMs = 0 } = status;
    const retryAfterMs = status.retryAfterMs ?? Number.POSITIVE_INFINITY;
    refusedForMs = Math.max(refusedForMs, retryAfterMs);
    // After a block it may admit what comes first, and block again.
    if (policy.blockForMs > 0) knownForMs = Math.min(knownForMs, retryAfterMs);
    // Without its counter, it is not known how many units are left once more of them are.
    if (states[index] === undefined) knownForMs = Math.min(knownForMs, retryAfterMs, nextUnitAfterMs);
  }
  // What can never pass is asked again some day, for the sake of the policies that do not refuse it.
  if (refusedForMs === Number.POSITIVE_INFINITY)
    refusedForMs = Math.max(...charges.map(({ policy }) => policy.windowMs));
  // The store counts whole milliseconds: the one in which it decided may have been over at once.
  return Math.min(refusedForMs, knownForMs) - 1;
}

/** Whether a refusal also applies to calls with these charges, and their statuses. */
export function isCovered(refusal: Refusal, charges: readonly Charge[]): boolean {
  if (refusal.charges.length !== charges.length) return false;
  for (let index = 0; index < charges.length; index += 1) {
    const refused = refusal.charges[index] as RefusedCharge;
    const { key, policy, cost } = charges[index] as Charge;
    if (cost !== refused.cost && (cost < refused.cost || refused.state === undefined)) return false;
    if (key !== refused.key || !isSameQuota(policy, refused.policy)) return false;
  }
  return true;
}

/** Whether two calls charge the same counters. */
export const isSameCall = (some: readonly Charge[], others: readonly Charge[]): boolean =>
  some.length === others.length &&
  some.every(({ key, policy }, index) => key === others[index]?.key && policy.id === others[index].policy.id);

/** Whether a policy has changed since it refused. Then the stored counts mean something else. */
export const isOfAnotherQuota = (ofKey: readonly Refusal[], charges: readonly Charge[]): boolean =>
  ofKey.some((refusal) =>
    refusal.charges.some(({ key, policy }) =>
      charges.some((one) => one.key === key && one.policy.id === policy.id && !isSameQuota(one.policy, policy)),
    ),
  );

/** Whether two calls that a refusal covers cost the same. */
export const isSameCost = (some: readonly Charge[], others: readonly Charge[]): boolean =>
  some.every(({ cost }, index) => cost === others[index]?.cost);

/**
 * A refusal as of some time after it. Statuses of policies that do not refuse are the last that is known of them.
 *
 * @param passedMs whole ms since the call was sent
 */
export function answerOf(refusal: Refusal, charges: readonly Charge[], passedMs: number): Reply {
  const nowMs = refusal.nowMs + passedMs;
  const policies = new Array<PolicyStatus>(charges.length);
  for (let index = 0; index < charges.length; index += 1) {
    policies[index] = statusOf(refusal.charges[index] as RefusedCharge, charges[index] as Charge, passedMs, nowMs);
  }
  return { allowed: false, nowMs, policies, source: 'cache' };
}

function statusOf(
  { status, state, cost: refused }: RefusedCharge,
  { policy, cost }: Charge,
  passedMs: number,
  nowMs: number,
): PolicyStatus {
  if (cost === refused) {
    if (status.allowed) return status;
    // Until a unit more is left, only the times change.
    if (state === undefined || passedMs < (status.nextUnitAfterMs ?? 0)) return later(status, passedMs);
  }
  return state === undefined ? status : asOf(state, policy, cost, nowMs);
}

/** What a policy says of a call that is refused: by one that admits it, nothing is charged. */
function asOf(state: CounterState, policy: Policy, cost: number, atMs: number): PolicyStatus {
  const { status } = decide(state, policy, cost, false, atMs);
  return status.allowed ? decide(state, policy, 0, false, atMs).status : status;
}

function later(status: PolicyStatus, passedMs: number): PolicyStatus {
  const { name, limit, windowMs, allowed, remaining, resetAfterMs, retryAfterMs, mode, unit } = status;
  const { nextUnitAfterMs = resetAfterMs } = status;
  const times = {
    resetAfterMs: Math.max(0, resetAfterMs - passedMs),
    retryAfterMs: retryAfterMs === null ? null : retryAfterMs - passedMs,
    nextUnitAfterMs: Math.max(0, nextUnitAfterMs - passedMs),
  };
  return { name, limit, windowMs, allowed, remaining, ...times, mode, unit };
}
