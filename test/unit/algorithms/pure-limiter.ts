import {
  admits,
  advance,
  charge,
  isDisplaced,
  refund,
  refuse,
  resetAfterMs,
  statusOf,
  type CounterState,
} from '../../../lib/algorithms/counter.js';
import type { PolicyStatus } from '../../../lib/contracts/decision.js';
import type { Policy } from '../../../lib/contracts/policy.js';

/** One counter of one key, driven by the pure functions by the rule that every backend follows. */
export class PureLimiter {
  /** What a backend would hold; `undefined`: nothing. */
  stored: CounterState | undefined;

  consume(policy: Policy, cost: number, nowMs: number, overdraw = false): PolicyStatus {
    const state = advance(this.stored, policy, nowMs);
    const admitted = overdraw || admits(state, policy, cost, nowMs);
    const next = admitted ? charge(state, policy, cost, nowMs) : refuse(state, policy, cost, nowMs);
    this.store(policy, state, next, nowMs);
    return statusOf(next, policy, cost, admitted, nowMs);
  }

  peek(policy: Policy, nowMs: number): PolicyStatus {
    return statusOf(advance(this.stored, policy, nowMs), policy, 0, true, nowMs);
  }

  refund(policy: Policy, cost: number, nowMs: number, chargedAtMs?: number, owed?: number): void {
    if (this.stored === undefined) return;
    const state = advance(this.stored, policy, nowMs);
    this.store(policy, state, refund(state, policy, cost, nowMs, chargedAtMs, owed), nowMs);
  }

  /** The same counter, to try something on. */
  copy(): PureLimiter {
    const copy = new PureLimiter();
    copy.stored = this.stored;
    return copy;
  }

  private store(policy: Policy, state: CounterState, next: CounterState, nowMs: number): void {
    const displaced = this.stored !== undefined && isDisplaced(this.stored, policy, nowMs);
    if (next === state && !displaced) return;
    this.stored = resetAfterMs(next, policy, nowMs) === 0 ? undefined : next;
  }
}
