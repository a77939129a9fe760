import { strict as assert } from 'node:assert';
import { presentWindowMs } from '../algorithms/fixed-window.js';
import type { Charge, Reply } from '../contracts/backend.js';
import type { PolicyStatus } from '../contracts/decision.js';

/** Fails unless a reply has the shape that the contract promises for these charges. */
export function assertReply(reply: Reply, charges: readonly Charge[]): void {
  assert.equal(typeof reply.allowed, 'boolean', 'allowed is a boolean');
  assertTime(reply.nowMs, 'nowMs');
  assert.equal(reply.policies.length, charges.length, 'one status for each charge');
  reply.policies.forEach((status, index) => {
    assertStatus(status, charges[index] as Charge, reply.nowMs);
  });
}

function assertStatus(status: PolicyStatus, { policy }: Charge, nowMs: number): void {
  const { name, limit, windowMs, mode, allowed, remaining, resetAfterMs, retryAfterMs } = status;
  assert.deepEqual(
    { name, limit, windowMs, mode },
    { name: policy.name, limit: policy.limit, windowMs: presentWindowMs(policy, nowMs), mode: policy.mode },
    'statuses are in the order of the charges, and bear what their policies say',
  );
  assert.equal(typeof allowed, 'boolean', 'allowed is a boolean');
  assertTime(remaining, 'remaining');
  assert.ok(remaining <= policy.burst, `remaining is at most the capacity, not ${remaining}`);
  assertTime(resetAfterMs, 'resetAfterMs');
  if (allowed) assert.equal(retryAfterMs, 0, 'who is allowed need not retry');
  else if (retryAfterMs !== null) {
    assertTime(retryAfterMs, 'retryAfterMs');
    assert.ok(retryAfterMs > 0, 'who is refused has to wait');
  }
}

function assertTime(value: number, name: string): void {
  assert.ok(Number.isSafeInteger(value) && value >= 0, `${name} is a whole number of at least 0, not ${String(value)}`);
}
