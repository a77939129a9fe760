import { strict as assert } from 'node:assert';
import type { AlgorithmCases, CaseDefinition } from '../conformance.case.js';
import { TIMEOUT_MS } from '../subject.js';

/** What is given back, and to whom. */
export const refundCases: AlgorithmCases = (algorithm) => [
  {
    name: 'gives units back, which can be consumed again',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      await subject.consume(policy, 2);
      await subject.consume(policy, 3);
      await subject.refund(policy, 4);
      assert.equal((await subject.peek(policy)).remaining, 4);
      assert.equal((await subject.consume(policy, 5)).allowed, false);
      assert.equal((await subject.consume(policy, 4)).allowed, true);
    },
  },
  {
    name: 'never gives back more than the full quota',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      await subject.consume(policy, 2);
      await subject.refund(policy, 1_000_000);
      const { remaining, resetAfterMs } = await subject.peek(policy);
      assert.deepEqual([remaining, resetAfterMs], [5, 0]);
      assert.equal((await subject.consume(policy, 5)).allowed, true);
      assert.equal((await subject.consume(policy)).allowed, false);
    },
  },
  {
    name: 'gives nothing to a key that is not there, and nothing for a cost of 0',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      await subject.refund(policy, 3);
      const { remaining, resetAfterMs } = await subject.peek(policy);
      assert.deepEqual([remaining, resetAfterMs], [5, 0]);
      await subject.consume(policy, 5);
      await subject.refund(policy, 0);
      assert.equal((await subject.consume(policy)).allowed, false);
    },
  },
  {
    name: 'gives back a charge of the time it was made',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      const { nowMs: chargedAtMs } = await subject.consume(policy, 3);
      await subject.refund(policy, 2, { chargedAtMs });
      assert.equal((await subject.peek(policy)).remaining, 4);
    },
  },
  {
    name: 'gives nothing back for a charge that has left its window, or was refilled',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      const { nowMs } = await subject.consume(policy, 3);
      await subject.refund(policy, 3, { chargedAtMs: nowMs - 2 * policy.windowMs, owed: 5 * policy.windowMs });
      assert.equal((await subject.peek(policy)).remaining, 2);
    },
  },
  ...(algorithm === 'token-bucket' ? [refilledInPart] : []),
  {
    name: 'gives back to several keys and policies in one call',
    async run(subject) {
      const charges = [subject.policy({ algorithm }), subject.policy({ algorithm })].map((policy, index) => ({
        policy,
        key: `${subject.key}-${index}`,
        cost: 2 + index,
      }));
      await subject.consumeAll(charges);
      await subject.backend.refund({ charges: charges.map((one) => ({ ...one, cost: 1 })), timeoutMs: TIMEOUT_MS });
      for (const { policy, key, cost } of charges) assert.equal((await subject.peek(policy, key)).remaining, 6 - cost);
    },
  },
];

const refilledInPart: CaseDefinition = {
  name: 'gives back what is still owed of a charge',
  async run(subject) {
    const policy = subject.policy({ algorithm: 'token-bucket', limit: 5 });
    const { nowMs } = await subject.consume(policy, 5);
    const chargedAtMs = nowMs - policy.windowMs;
    // Of 8 units that the bucket lacked one window ago, 5 were refilled since.
    await subject.refund(policy, 5, { chargedAtMs, owed: 8 * policy.windowMs });
    assert.equal((await subject.peek(policy)).remaining, 3);
  },
};
