import { strict as assert } from 'node:assert';
import type { Policy } from '../../contracts/policy.js';
import type { AlgorithmCases } from '../conformance.case.js';
import { DECISION_VECTORS, VECTOR_START_MS, type DecisionVector } from '../decision-vectors.js';
import type { Subject } from '../subject.js';

/** The decision vectors of an algorithm. */
export const vectorCases: AlgorithmCases = (algorithm) =>
  DECISION_VECTORS.filter(({ policy }) => policy.algorithm === algorithm).map((vector) => ({
    name: `decides as written: ${vector.name}`,
    needsClock: true,
    run: (subject) => replay(subject, vector),
  }));

async function replay(subject: Subject, { policy: given, steps }: DecisionVector): Promise<void> {
  let policy: Policy = subject.policy({ ...given, id: subject.policy(given).id });
  for (const [index, [atMs, verb, amount, expected]] of steps.entries()) {
    await subject.setClock(VECTOR_START_MS + atMs);
    if (typeof amount === 'object') {
      policy = { ...policy, ...(amount.limit === undefined ? {} : { burst: amount.limit }), ...amount };
      continue;
    }
    if (verb === 'refund') await subject.refund(policy, amount);
    else if (verb === 'reset') await subject.reset(policy);
    const { allowed, remaining, retryAfterMs, resetAfterMs } =
      verb === 'consume' || verb === 'overdraw'
        ? await subject.consume(policy, amount, { overdraw: verb === 'overdraw' })
        : await subject.peek(policy);
    assert.deepEqual([allowed, remaining, retryAfterMs, resetAfterMs], expected, `step ${index + 1}, at ${atMs} ms`);
  }
}
