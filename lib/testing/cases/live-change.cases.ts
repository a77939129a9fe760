import { strict as assert } from 'node:assert';
import type { AlgorithmCases } from '../conformance.case.js';

/** A policy whose limit or window is another while keys exist. */
export const liveChangeCases: AlgorithmCases = (algorithm) => [
  {
    name: 'takes a raised limit at once, and mints no more than the difference',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      await subject.consume(policy, 5);
      const raised = { ...policy, limit: 8, burst: 8 };
      assert.equal((await subject.peek(raised)).remaining, 3);
      assert.equal((await subject.consume(raised, 4)).allowed, false);
      assert.equal((await subject.consume(raised, 3)).allowed, true);
    },
  },
  {
    name: 'takes a lowered limit at once',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 10 });
      await subject.consume(policy, 5);
      const lowered = { ...policy, limit: 3, burst: 3 };
      const refused = await subject.consume(lowered);
      assert.deepEqual([refused.allowed, refused.remaining], [false, 0]);
      assert.equal((await subject.peek(policy)).remaining, 5);
    },
  },
  {
    name: 'mints nothing when the window changes, there and back',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 10 });
      await subject.consume(policy, 10);
      for (const factor of [2, 0.5, 24, 1]) {
        const changed = { ...policy, windowMs: Math.floor(policy.windowMs * factor) };
        const refused = await subject.consume(changed);
        assert.deepEqual([refused.allowed, refused.remaining], [false, 0], `after a change by a factor of ${factor}`);
      }
    },
  },
  {
    name: 'forgets nothing over a limit of 0',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      await subject.consume(policy, 5);
      const shut = { ...policy, limit: 0 };
      assert.equal((await subject.consume(shut)).retryAfterMs, null);
      await subject.refund(shut, 5);
      assert.equal((await subject.consume(policy)).allowed, false);
    },
  },
  {
    name: 'tells the exact retryAfter after a change of window',
    needsClock: true,
    async run(subject) {
      for (const windowMs of [1000, 7000, 59_000, 61_000, 86_400_000]) {
        const policy = subject.policy({ algorithm, limit: 10, windowMs: 60_000 });
        await subject.consume(policy, 9);
        const changed = { ...policy, windowMs };
        const { nowMs, retryAfterMs } = await subject.consume(changed, 10);
        const dueMs = nowMs + (retryAfterMs ?? NaN);
        await subject.around(nowMs, dueMs, async () => {
          const status = await subject.consume(changed, 10);
          assert.equal(status.allowed, status.nowMs >= dueMs);
          return status;
        });
      }
    },
  },
];
