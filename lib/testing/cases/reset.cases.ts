import { strict as assert } from 'node:assert';
import type { AlgorithmCases } from '../conformance.case.js';

/** What is forgotten on demand. */
export const resetCases: AlgorithmCases = (algorithm) => [
  {
    name: 'resets a counter to the full quota',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 3 });
      await subject.consume(policy, 3);
      await subject.reset(policy);
      const { remaining, resetAfterMs } = await subject.peek(policy);
      assert.deepEqual([remaining, resetAfterMs], [3, 0]);
      assert.equal((await subject.consume(policy, 3)).allowed, true);
    },
  },
  {
    name: 'resets that policy of that key, and nothing else',
    async run(subject) {
      const [policy, other] = [subject.policy({ algorithm }), subject.policy({ algorithm })];
      const neighbour = `${subject.key}-neighbour`;
      await subject.consume(policy, 5);
      await subject.consume(policy, 5, { key: neighbour });
      await subject.consume(other, 5);
      await subject.reset(policy);
      assert.equal((await subject.peek(policy)).remaining, 5);
      assert.equal((await subject.peek(policy, neighbour)).remaining, 0);
      assert.equal((await subject.peek(other)).remaining, 0);
    },
  },
  {
    name: 'resets a block too, and a key that is not there',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 1, blockForMs: 60_000 });
      await subject.reset(policy);
      await subject.untilRefused(policy);
      await subject.reset(policy);
      assert.equal((await subject.consume(policy)).allowed, true);
    },
  },
];
