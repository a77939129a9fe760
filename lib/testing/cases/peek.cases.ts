import { strict as assert } from 'node:assert';
import type { PolicyStatus } from '../../contracts/decision.js';
import type { AlgorithmCases } from '../conformance.case.js';

/** What looking does, which is nothing. */
export const peekCases: AlgorithmCases = (algorithm) => [
  {
    name: 'peeks without charging or storing anything',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 2 });
      for (let call = 0; call < 3; call += 1) {
        const { allowed, remaining, resetAfterMs } = await subject.peek(policy);
        assert.deepEqual([allowed, remaining, resetAfterMs], [true, 2, 0]);
      }
      await subject.consume(policy, 2);
      const first = await subject.peek(policy);
      const second = await subject.peek(policy);
      assert.deepEqual([first.allowed, first.remaining], [true, 0]);
      assert.equal(second.nowMs + second.resetAfterMs, first.nowMs + first.resetAfterMs);
    },
  },
  {
    name: 'answers a peek as it answers a call that costs nothing',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5, blockForMs: 60_000 });
      for (const cost of [2, 3, 1]) {
        await subject.consume(policy, cost);
        const peek = await subject.peek(policy);
        const consume = await subject.consume(policy, 0);
        assert.deepEqual(lasting(peek), lasting(consume));
        assert.equal(peek.nowMs + peek.resetAfterMs, consume.nowMs + consume.resetAfterMs);
      }
    },
  },
];

/** What a status tells whenever it is asked for: time may pass between two calls. */
const lasting = ({ allowed, remaining, retryAfterMs }: PolicyStatus): readonly unknown[] => [
  allowed,
  remaining,
  retryAfterMs,
];
