import { strict as assert } from 'node:assert';
import type { AlgorithmCases } from '../conformance.case.js';

/** What the passing of time gives back, and that the backend tells when. */
export const timeCases: AlgorithmCases = (algorithm) => [
  ...([1, 2].map((cost) => ({
    name: `tells the exact retryAfter of a call that costs ${cost}`,
    async run(subject): Promise<void> {
      const policy = subject.policy({ algorithm, limit: 3, windowMs: 130 });
      const { nowMs, retryAfterMs } = await subject.untilRefused(policy, cost);
      const dueMs = nowMs + (retryAfterMs ?? NaN);
      await subject.around(nowMs, dueMs, async () => {
        const status = await subject.consume(policy, cost);
        assert.equal(
          status.allowed,
          status.nowMs >= dueMs,
          `at ${status.nowMs - dueMs} ms from the time that was told`,
        );
        return status;
      });
    },
  })) satisfies ReturnType<AlgorithmCases>),
  {
    name: 'tells the exact resetAfter, at which all is as if nobody had called',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 3, windowMs: 130 });
      const { nowMs, resetAfterMs } = await subject.consume(policy, 2);
      const dueMs = nowMs + resetAfterMs;
      await subject.around(nowMs, dueMs, async () => {
        const status = await subject.peek(policy);
        assert.equal(status.resetAfterMs, Math.max(0, dueMs - status.nowMs));
        if (status.nowMs >= dueMs) assert.equal(status.remaining, 3);
        return status;
      });
    },
  },
  {
    name: 'never takes back what time has given',
    needsClock: true,
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 7, windowMs: 100 });
      const { nowMs, resetAfterMs } = await subject.consume(policy, 7);
      let before = 0;
      for (let elapsedMs = 1; elapsedMs <= resetAfterMs; elapsedMs += 1) {
        await subject.setClock(nowMs + elapsedMs);
        const { remaining } = await subject.peek(policy);
        assert.ok(remaining >= before, `${remaining} after ${before}`);
        before = remaining;
      }
      assert.equal(before, 7);
    },
  },
];
