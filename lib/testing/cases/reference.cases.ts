import { strict as assert } from 'node:assert';
import type { CounterState } from '../../algorithms/algorithm.js';
import { decide } from '../../algorithms/counter.js';
import type { CountingAlgorithm, Policy } from '../../contracts/policy.js';
import type { AlgorithmCases } from '../conformance.case.js';

const CALLS = 60;

/** So small that every call matters; and what tells a strict window from a log, which it is up to 60 units. */
const quotasOf = (algorithm: CountingAlgorithm): readonly Pick<Policy, 'limit' | 'windowMs'>[] => {
  const small = { limit: 7, windowMs: 40 };
  const large = { limit: 61, windowMs: 3_600_000 };
  return algorithm === 'sliding-log' || algorithm === 'strict-window' ? [small, large] : [small];
};

/** That a backend counts by the very algorithm it is asked for, on any clock. */
export const referenceCases: AlgorithmCases = (algorithm) => [
  {
    name: 'decides as the reference does at the times that its replies tell',
    async run(subject) {
      for (const quota of quotasOf(algorithm)) {
        const policy = subject.policy({ algorithm, ...quota });
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
      }
    },
  },
];
