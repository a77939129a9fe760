import type { Charge } from '../contracts/backend.js';
import type { FailureMode, Policy } from '../contracts/policy.js';
import { MAX_DURATION_MS } from '../policies/duration.js';
import type { Decider } from './decider.js';

/**
 * A policy that refuses only during a pause: a pause is a block (`blockFor`) of its counter. Calls that wait for a key
 * are also charged by it, so a pause applies in all processes that share the store, in the same call.
 */
const PAUSE: Policy = {
  id: '~pause#fixed-window',
  name: 'pause',
  algorithm: 'fixed-window',
  limit: 1_000_000_000,
  windowMs: 1,
  burst: 1_000_000_000,
  blockForMs: MAX_DURATION_MS,
  mode: 'enforce',
};

/** The charge that checks whether a key is paused. */
export const pauseCharge = (key: string): Charge => ({ key, policy: PAUSE, cost: 1 });

/** The request for a pause. */
export interface PauseTerms {
  readonly pauseMs: number;
  readonly failureMode: FailureMode;
  readonly timeoutMs: number;
}

/** Pauses a key, unless it is already paused longer. */
export async function pauseKey(decider: Decider, key: string, { pauseMs, ...terms }: PauseTerms): Promise<void> {
  const present = await decider.peek({ ...terms, charges: [{ key, policy: PAUSE, cost: 0 }] });
  if ((present.decision.policies[0]?.resetAfterMs ?? 0) >= pauseMs) return;
  // The quota is used up and refused once more: the refusal blocks.
  const policy = {
    ...PAUSE,
    limit: 1,
    burst: 1,
    windowMs: MAX_DURATION_MS,
    blockForMs: Math.min(pauseMs, MAX_DURATION_MS),
  };
  const charges = [{ key, policy, cost: 1 }];
  await decider.decide({ ...terms, charges, overdraw: true });
  await decider.decide({ ...terms, charges });
}
