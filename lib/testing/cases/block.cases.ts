import { strict as assert } from 'node:assert';
import type { AlgorithmCases } from '../conformance.case.js';

/** `blockFor`: a key that was refused stays refused for a while. */
export const blockCases: AlgorithmCases = (algorithm) => [
  {
    name: "blocks a key from its first refusal on, whose retryAfter is already the block's",
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5, blockForMs: 86_400_000 });
      await subject.consume(policy, 3);
      const refused = await subject.consume(policy, 3);
      assert.deepEqual([refused.allowed, refused.remaining], [false, 0]);
      assert.deepEqual([refused.retryAfterMs, refused.resetAfterMs], [86_400_000, 86_400_000]);
      assert.equal((await subject.consume(policy)).allowed, false, 'what was left is blocked too');
    },
  },
  {
    name: 'does not prolong a block by calls that it refuses',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 1, blockForMs: 86_400_000 });
      const first = await subject.untilRefused(policy);
      for (let call = 0; call < 5; call += 1) {
        await subject.pass(2);
        const again = await subject.consume(policy);
        assert.equal(again.nowMs + (again.retryAfterMs ?? NaN), first.nowMs + 86_400_000);
      }
    },
  },
  {
    name: 'ends a block to the millisecond, and the key then finds a fresh quota',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5, blockForMs: 100 });
      await subject.consume(policy, 5);
      const { nowMs } = await subject.consume(policy, 2);
      await subject.around(nowMs, nowMs + 100, async () => {
        const status = await subject.consume(policy, 2);
        assert.equal(status.allowed, status.nowMs >= nowMs + 100);
        if (status.allowed) assert.equal(status.remaining, 3);
        return status;
      });
    },
  },
  {
    name: 'does not block for a call that could never pass',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5, blockForMs: 60_000 });
      assert.equal((await subject.consume(policy, 6)).retryAfterMs, null);
      assert.equal((await subject.consume(policy, 5)).allowed, true);
    },
  },
  {
    name: 'tells for ever, not until the block ends, of a call that could never pass',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5, blockForMs: 60_000 });
      await subject.untilRefused(policy, 5);
      assert.equal((await subject.consume(policy, 6)).retryAfterMs, null);
      assert.notEqual((await subject.consume(policy, 5)).retryAfterMs, null);
    },
  },
  {
    name: 'keeps a block over a refund, an overdraft and a call that costs nothing',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5, blockForMs: 86_400_000 });
      const refused = await subject.untilRefused(policy, 5);
      await subject.refund(policy, 5);
      const overdraft = await subject.consume(policy, 2, { overdraw: true });
      assert.deepEqual([overdraft.allowed, overdraft.remaining], [true, 0]);
      const nothing = await subject.consume(policy, 0);
      assert.deepEqual([nothing.allowed, nothing.remaining, nothing.retryAfterMs], [true, 0, 0]);
      assert.equal(nothing.nowMs + nothing.resetAfterMs, refused.nowMs + 86_400_000);
      assert.equal((await subject.consume(policy)).allowed, false);
    },
  },
];
