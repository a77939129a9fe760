import { strict as assert } from 'node:assert';
import type { CaseDefinition } from '../conformance.case.js';

/** What a token bucket has of its own: a burst, and refill without a window. */
export const tokenBucketCases: readonly CaseDefinition[] = [
  {
    name: 'token-bucket: holds its burst, and is told by its limit',
    async run(subject) {
      const policy = subject.policy({ algorithm: 'token-bucket', limit: 2, burst: 5 });
      const status = await subject.consume(policy, 5);
      assert.deepEqual([status.allowed, status.remaining, status.limit], [true, 0, 2]);
      assert.equal((await subject.consume(policy, 6)).retryAfterMs, null);
      assert.notEqual((await subject.consume(policy, 5)).retryAfterMs, null);
    },
  },
  {
    name: 'token-bucket: with a burst below its limit refuses what is above the burst',
    async run(subject) {
      const policy = subject.policy({ algorithm: 'token-bucket', limit: 10, burst: 3 });
      assert.equal((await subject.consume(policy, 4)).retryAfterMs, null);
      assert.equal((await subject.consume(policy, 3)).allowed, true);
    },
  },
  {
    name: 'token-bucket: refills evenly',
    needsClock: true,
    async run(subject) {
      const policy = subject.policy({ algorithm: 'token-bucket', limit: 7, windowMs: 1000 });
      const { nowMs } = await subject.consume(policy, 7);
      for (const elapsedMs of [1, 142, 143, 285, 286, 500, 857, 858, 999, 1000, 5000]) {
        await subject.setClock(nowMs + elapsedMs);
        assert.equal((await subject.peek(policy)).remaining, Math.min(7, Math.floor((elapsedMs * 7) / 1000)));
      }
    },
  },
];
