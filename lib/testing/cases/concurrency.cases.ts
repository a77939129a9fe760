import { strict as assert } from 'node:assert';
import type { AlgorithmCases } from '../conformance.case.js';

/** Callers at the same time. */
export const concurrencyCases: AlgorithmCases = (algorithm) => [
  {
    name: 'admits exactly the limit to callers at the same time',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 40 });
      const verdicts = await Promise.all(Array.from({ length: 100 }, () => subject.consume(policy)));
      const left = verdicts.filter(({ allowed }) => allowed).map(({ remaining }) => remaining);
      assert.deepEqual(
        left.sort((one, other) => one - other),
        Array.from({ length: 40 }, (_, index) => index),
      );
    },
  },
  {
    name: 'charges all or none for callers at the same time',
    async run(subject) {
      const [wide, narrow] = [subject.policy({ algorithm, limit: 60 }), subject.policy({ algorithm, limit: 10 })];
      const charge = (policy: typeof wide): { policy: typeof wide; key: string; cost: number } => ({
        policy,
        key: subject.key,
        cost: 2,
      });
      const replies = await Promise.all(
        Array.from({ length: 30 }, () => subject.consumeAll([charge(wide), charge(narrow)])),
      );
      assert.equal(replies.filter(({ allowed }) => allowed).length, 5);
      assert.equal((await subject.peek(wide)).remaining, 50);
      assert.equal((await subject.peek(narrow)).remaining, 0);
    },
  },
  {
    name: 'loses nothing of what is charged and given back at the same time',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 200 });
      await subject.consume(policy, 100);
      await Promise.all(
        Array.from({ length: 20 }, (_, call) =>
          call % 2 === 0 ? subject.consume(policy, 3) : subject.refund(policy, 2),
        ),
      );
      assert.equal((await subject.peek(policy)).remaining, 90);
    },
  },
];
