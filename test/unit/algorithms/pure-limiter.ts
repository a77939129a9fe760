import assert from 'node:assert/strict';
import type { CounterState } from '../../../lib/algorithms/algorithm.js';
import { admits, decide, refund } from '../../../lib/algorithms/counter.js';
import type { PolicyStatus } from '../../../lib/contracts/decision.js';
import type { Policy } from '../../../lib/contracts/policy.js';

/** One counter of one key, driven by the pure functions by the rule that every backend follows. */
export class PureLimiter {
  /** What a backend would hold; `undefined`: nothing. */
  stored: CounterState | undefined;

  consume(policy: Policy, cost: number, nowMs: number, overdraw = false): PolicyStatus {
    const admitted = admits(this.stored, policy, cost, overdraw, nowMs);
    const { state, status } = decide(this.stored, policy, cost, overdraw, nowMs);
    assert.equal(admitted, status.allowed);
    this.stored = state;
    return status;
  }

  peek(policy: Policy, nowMs: number): PolicyStatus {
    return decide(this.stored, policy, 0, false, nowMs).status;
  }

  refund(policy: Policy, cost: number, nowMs: number, chargedAtMs?: number, owed?: number): void {
    if (this.stored !== undefined) this.stored = refund(this.stored, policy, cost, nowMs, chargedAtMs, owed);
  }

  /** The same counter, to try something on. */
  copy(): PureLimiter {
    const copy = new PureLimiter();
    copy.stored = this.stored;
    return copy;
  }
}
