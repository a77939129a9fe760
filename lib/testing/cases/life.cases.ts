import { strict as assert } from 'node:assert';
import { ALGORITHM_NAMES } from '../../contracts/policy.js';
import type { CaseDefinition } from '../conformance.case.js';

/** A backend's name, claims and clock, and that it can be asked how it is. */
export const lifeCases: readonly CaseDefinition[] = [
  {
    name: 'has a name, and claims the algorithms that it is tested for',
    async run(subject) {
      assert.ok(subject.backend.name.length > 0);
      const claimed = subject.backend.capabilities?.algorithms;
      if (claimed !== undefined) assert.deepEqual([...claimed].sort(), [...subject.algorithms].sort());
      else assert.equal(subject.algorithms.length, ALGORITHM_NAMES.length, 'no capabilities: every algorithm');
    },
  },
  {
    name: 'answers a ping, which changes nothing',
    async run(subject) {
      const policy = subject.policy({ limit: 3 });
      await subject.consume(policy);
      await subject.backend.ping(new AbortController().signal);
      assert.equal((await subject.peek(policy)).remaining, 2);
    },
  },
  {
    name: 'tells the time of its store in whole milliseconds, which goes on',
    async run(subject) {
      const policy = subject.policy();
      let before = 0;
      for (let call = 0; call < 5; call += 1) {
        const { nowMs } = await subject.consume(policy, 0);
        assert.ok(nowMs >= before, 'time goes on');
        before = nowMs;
      }
      assert.ok(before > Date.UTC(2020, 0, 1), 'it is counted since the epoch');
    },
  },
];
