import { strict as assert } from 'node:assert';
import type { AlgorithmCases } from '../conformance.case.js';
import { CLOCK_START_MS } from '../subject.js';

const HOUR_MS = 3_600_000;

/** A store's clock that steps back. */
export const clockCases: AlgorithmCases = (algorithm) => [
  {
    name: "mints nothing when the clock crosses a window's border back and forth",
    needsClock: true,
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 100, windowMs: 1000 });
      await subject.setClock(CLOCK_START_MS + 1);
      await subject.consume(policy, 100);
      for (const offsetMs of [-1, 1, -2, 2]) {
        await subject.setClock(CLOCK_START_MS + offsetMs);
        assert.equal((await subject.consume(policy)).allowed, false);
      }
    },
  },
  {
    name: 'mints nothing when the clock steps back far, and does not wait until it has caught up',
    needsClock: true,
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 100, windowMs: 1000 });
      await subject.setClock(CLOCK_START_MS + HOUR_MS);
      await subject.consume(policy, 100);
      await subject.setClock(CLOCK_START_MS - 1);
      const { nowMs, allowed, retryAfterMs } = await subject.consume(policy);
      assert.equal(allowed, false);
      await subject.setClock(CLOCK_START_MS);
      assert.ok((await subject.peek(policy)).remaining <= 1, 'a border right after the step is no new window');
      assert.ok(retryAfterMs !== null && retryAfterMs <= 3000, `waits for ${retryAfterMs} ms`);
      await subject.setClock(nowMs + retryAfterMs);
      assert.equal((await subject.consume(policy)).allowed, true);
    },
  },
  {
    name: 'forgets a key that was given back in full, the window in which it was used included',
    needsClock: true,
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 5, windowMs: 1000 });
      await subject.consume(policy, 3);
      await subject.refund(policy, 3);
      await subject.setClock(CLOCK_START_MS - 1);
      const { resetAfterMs } = await subject.consume(policy);
      assert.equal(resetAfterMs, (await subject.consume(policy, 1, { key: `${subject.key}-new` })).resetAfterMs);
    },
  },
  {
    name: 'does not stretch a block over its length when the clock steps back',
    needsClock: true,
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 1, windowMs: 1000, blockForMs: 5000 });
      await subject.untilRefused(policy);
      await subject.setClock(CLOCK_START_MS - HOUR_MS);
      assert.equal((await subject.consume(policy)).retryAfterMs, 5000);
      await subject.setClock(CLOCK_START_MS - HOUR_MS + 2000);
      assert.equal((await subject.consume(policy)).retryAfterMs, 3000);
      await subject.setClock(CLOCK_START_MS - HOUR_MS + 5000);
      assert.equal((await subject.consume(policy)).allowed, true);
    },
  },
];
