import type { PolicyStatus } from '../contracts/decision.js';
import type { Policy } from '../contracts/policy.js';
import { counted, type CounterState } from './algorithm.js';
import { presentWindowMs } from './fixed-window.js';

/** Whether a state is a block: the key is refused until a time (`blockFor`), and nothing is counted. */
export const isBlock = ({ windowMs }: CounterState): boolean => windowMs === 0;

/** The state of a key that is refused until a time, in ms since the epoch. */
export const blockedUntil = (timeMs: number): CounterState => counted(0, timeMs, 0, 0);

/** The part of a stored state that an algorithm sees: nothing of a block, which is over by then. */
export const counting = (stored: CounterState | undefined): CounterState | undefined =>
  stored === undefined || isBlock(stored) ? undefined : stored;

/** How long a key is still blocked, in ms; 0 if it is not. */
export const blockLeft = (stored: CounterState | undefined, policy: Policy, nowMs: number): number =>
  stored !== undefined && isBlock(stored) ? untilOver(stored, policy, nowMs) : 0;

/** A block never lasts longer than the policy says, even if the clock stepped back or the policy changed. */
const untilOver = (block: CounterState, { blockForMs }: Policy, nowMs: number): number =>
  Math.max(0, Math.min(block.at - nowMs, blockForMs));

/** Whether a block lasts longer than the policy allows, because the clock stepped back or the policy changed. */
export const isDisplacedBlock = (block: CounterState, { blockForMs }: Policy, nowMs: number): boolean =>
  block.at > nowMs + blockForMs;

/** The status of a key under a block, or of a limit of 0: nothing is left, and nothing is counted. */
export const uncounted = (
  policy: Policy,
  allowed: boolean,
  blockedForMs: number,
  retryAfterMs: number | null,
  nowMs: number,
): PolicyStatus => ({
  name: policy.name,
  limit: policy.limit,
  windowMs: presentWindowMs(policy, nowMs),
  allowed,
  remaining: 0,
  resetAfterMs: blockedForMs,
  retryAfterMs,
  nextUnitAfterMs: blockedForMs,
  mode: policy.mode,
  unit: policy.unit,
});
