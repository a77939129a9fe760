import { strict as assert } from 'node:assert';
import type { CaseDefinition } from '../conformance.case.js';

/** Policies that decide and report, and never refuse. */
export const shadowCases: readonly CaseDefinition[] = [
  {
    name: 'lets pass what only a shadow policy refuses, and tells of it',
    async run(subject) {
      const policy = subject.policy({ limit: 1, mode: 'shadow' });
      const charges = [{ policy, key: subject.key, cost: 1 }];
      await subject.consumeAll(charges);
      const { allowed, policies } = await subject.consumeAll(charges);
      assert.equal(allowed, true);
      assert.deepEqual([policies[0]?.allowed, policies[0]?.remaining], [false, 0]);
    },
  },
  {
    name: 'does not charge a shadow policy that refuses, but the others',
    async run(subject) {
      const shadow = subject.policy({ limit: 2, mode: 'shadow' });
      const enforced = subject.policy({ limit: 5 });
      const charges = [shadow, enforced].map((policy) => ({ policy, key: subject.key, cost: 1 }));
      for (const remaining of [4, 3, 2]) {
        const { allowed, policies } = await subject.consumeAll(charges);
        assert.deepEqual([allowed, policies[1]?.remaining], [true, remaining]);
      }
      await subject.refund(shadow, 1);
      assert.equal((await subject.peek(shadow)).remaining, 1);
    },
  },
  {
    name: 'charges no shadow policy for a call that an enforced one refuses',
    async run(subject) {
      const shadow = subject.policy({ limit: 5, mode: 'shadow' });
      const enforced = subject.policy({ limit: 1 });
      const charges = [shadow, enforced].map((policy) => ({ policy, key: subject.key, cost: 1 }));
      await subject.consumeAll(charges);
      assert.equal((await subject.consumeAll(charges)).allowed, false);
      assert.equal((await subject.peek(shadow)).remaining, 4);
    },
  },
  {
    name: 'blocks in the shadow without refusing',
    async run(subject) {
      const policy = subject.policy({ limit: 1, mode: 'shadow', blockForMs: 60_000 });
      const charges = [{ policy, key: subject.key, cost: 1 }];
      for (const retryAfterMs of [0, 60_000]) {
        const reply = await subject.consumeAll(charges);
        assert.deepEqual([reply.allowed, reply.policies[0]?.retryAfterMs], [true, retryAfterMs]);
      }
    },
  },
];
