import { strict as assert } from 'node:assert';
import type { CountingAlgorithm } from '../../contracts/policy.js';
import type { AlgorithmCases } from '../conformance.case.js';

const byProduct = (windowMs: number): number => Math.floor(2 ** 52 / windowMs);

/** What validation lets pass. */
const LARGEST_LIMIT: Readonly<Record<CountingAlgorithm, (windowMs: number) => number>> = {
  'fixed-window': () => Number.MAX_SAFE_INTEGER,
  'sliding-window': (windowMs) => Math.max(byProduct(windowMs), 2 ** 35 - 1),
  'token-bucket': byProduct,
  'sliding-log': () => 10_000,
  'strict-window': () => Number.MAX_SAFE_INTEGER,
};

/** What a call charges, and when it passes. */
export const chargeCases: AlgorithmCases = (algorithm) => [
  {
    name: 'admits the limit, counting down, and then refuses',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 3 });
      for (const remaining of [2, 1, 0]) {
        const status = await subject.consume(policy);
        assert.deepEqual([status.allowed, status.remaining], [true, remaining]);
        assert.ok(status.resetAfterMs > 0, 'what was charged has to come back');
      }
      const refused = await subject.consume(policy);
      assert.deepEqual([refused.allowed, refused.remaining], [false, 0]);
    },
  },
  {
    name: 'charges as many units as a call costs',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 10 });
      assert.equal((await subject.consume(policy, 7)).remaining, 3);
      const tooMuch = await subject.consume(policy, 4);
      assert.deepEqual([tooMuch.allowed, tooMuch.remaining], [false, 3]);
      const rest = await subject.consume(policy, 3);
      assert.deepEqual([rest.allowed, rest.remaining], [true, 0]);
    },
  },
  {
    name: 'admits a call that costs the whole limit',
    async run(subject) {
      const status = await subject.consume(subject.policy({ algorithm, limit: 5 }), 5);
      assert.deepEqual([status.allowed, status.remaining], [true, 0]);
    },
  },
  {
    name: 'never charges a refused call: hammering does not prolong the wait',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      await subject.consume(policy, 4);
      const first = await subject.consume(policy, 2);
      for (let call = 0; call < 5; call += 1) {
        await subject.pass(2);
        const again = await subject.consume(policy, 2);
        assert.deepEqual([again.allowed, again.remaining], [false, 1]);
        assert.equal(again.nowMs + (again.retryAfterMs ?? NaN), first.nowMs + (first.retryAfterMs ?? NaN));
      }
      assert.equal((await subject.consume(policy, 1)).allowed, true);
    },
  },
  {
    name: 'lets a call pass that costs nothing, on a fresh key and on an exhausted one',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 2 });
      const fresh = await subject.consume(policy, 0);
      assert.deepEqual([fresh.allowed, fresh.remaining, fresh.resetAfterMs], [true, 2, 0]);
      await subject.consume(policy, 2);
      const exhausted = await subject.consume(policy, 0);
      assert.deepEqual([exhausted.allowed, exhausted.remaining], [true, 0]);
      assert.equal((await subject.consume(policy)).allowed, false);
    },
  },
  {
    name: 'refuses for ever, and charges nothing for, a cost above the capacity',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      for (const cost of [6, Number.MAX_SAFE_INTEGER]) {
        const status = await subject.consume(policy, cost);
        assert.deepEqual([status.allowed, status.retryAfterMs, status.remaining], [false, null, 5]);
      }
      assert.equal((await subject.peek(policy)).resetAfterMs, 0);
    },
  },
  {
    name: 'refuses for ever what costs anything under a limit of 0',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 0, burst: algorithm === 'token-bucket' ? 5 : 0 });
      const status = await subject.consume(policy);
      assert.deepEqual([status.allowed, status.retryAfterMs, status.remaining], [false, null, 0]);
      const nothing = await subject.consume(policy, 0);
      assert.deepEqual([nothing.allowed, nothing.remaining, nothing.resetAfterMs], [true, 0, 0]);
      assert.equal((await subject.consume(policy, 3, { overdraw: true })).allowed, true);
    },
  },
  {
    name: 'goes into debt by an overdraft, which has to be paid back',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5 });
      await subject.consume(policy, 4);
      const overdraft = await subject.consume(policy, 10, { overdraw: true });
      assert.deepEqual([overdraft.allowed, overdraft.remaining], [true, 0]);
      assert.equal((await subject.consume(policy)).allowed, false);
      await subject.refund(policy, 9);
      assert.equal((await subject.peek(policy)).remaining, 0, 'all of an overdraft is owed');
      await subject.refund(policy, 1);
      assert.equal((await subject.peek(policy)).remaining, 1);
    },
  },
  {
    name: 'counts up to the largest limit exactly',
    needsClock: true,
    async run(subject) {
      const windowMs = 999;
      const limit = LARGEST_LIMIT[algorithm](windowMs);
      const policy = subject.policy({ algorithm, limit, windowMs });
      assert.equal((await subject.consume(policy, limit - 1)).remaining, 1);
      const refused = await subject.consume(policy, 2);
      assert.deepEqual([refused.allowed, refused.remaining], [false, 1]);
      assert.equal((await subject.consume(policy)).remaining, 0);
      await subject.consume(policy, Number.MAX_SAFE_INTEGER, { overdraw: true });
      assert.equal((await subject.consume(policy)).allowed, false);
    },
  },
];
