import { strict as assert } from 'node:assert';
import type { CounterState } from '../../algorithms/algorithm.js';
import { decide } from '../../algorithms/counter.js';
import type { AlgorithmCases } from '../conformance.case.js';

const CALLS = 60;

/** That a backend counts by the very algorithm it is asked for, on any clock. */
export const referenceCases: AlgorithmCases = (algorithm) => [
  {
    name: 'decides as the reference does at the times that its replies tell',
    async run(subject) {
      const policy = subject.policy({ algorithm, limit: 7, windowMs: 40 });
      let stored: CounterState | undefined;
      for (let call = 0; call < CALLS; call += 1) {
        const cost = (call * 5) % 4;
        const { nowMs, ...told } = await subject.consume(policy, cost);
        const { state, status } = decide(stored, policy, cost, false, nowMs);
        // Not every backend tells when the next unit comes, or of what.
        assert.deepEqual(
          { nextUnitAfterMs: status.nextUnitAfterMs, unit: status.unit, ...told },
          status,
          `call ${call + 1}, of cost ${cost}`,
        );
        stored = state;
        await subject.pass(1 + (call % 3));
      }
    },
  },
];
