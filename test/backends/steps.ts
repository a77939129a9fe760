import type { AlgorithmName } from '../../lib/contracts/policy.js';
import { KEYS, POLICIES, type CallSequence, type Shape, type Step } from './call-sequence.js';

/** Asks the first policy of the first key alone. */
const only = (units: number): (number | null)[] => [units, ...Array<null>(POLICIES * KEYS.length - 1).fill(null)];

/** The same for each policy. */
export const same = <T>(value: T): readonly T[] => Array<T>(POLICIES).fill(value);

export const quota = (limit: number, windowMs: number): Shape => {
  return { limit, windowMs, burst: limit, blockForMs: 0, mode: 'enforce' };
};

export const consume = (units: number, overdraw = false): Step => ({ kind: 'consume', costs: only(units), overdraw });

/** Asks the three policies of the first key. */
export const consumeEach = (...units: readonly [number, number, number]): Step => {
  return { kind: 'consume', costs: [...units, null, null, null], overdraw: false };
};

/** @param agoCalls how many calls before the last one it was charged; `null`: not known */
export const refund = (units: number, agoCalls: number | null, owed: number | null = null): Step => {
  return { kind: 'refund', costs: only(units), agoCalls, owed };
};

export const pass = (ms: number): Step => ({ kind: 'pass', ms });

export const change = (shape: Shape): Step => ({ kind: 'change', index: 0, shape });

/** The clock steps back over the border between two windows. */
export const OVER_A_BORDER: CallSequence = {
  algorithms: same('sliding-window'),
  shapes: same(quota(10, 1_000)),
  steps: [consume(6), pass(10), consume(1), pass(-5), consume(3), consume(1)],
};

/** A limit, a window and a cost of so much. */
export function largeNumber(algorithm: AlgorithmName, number: number): CallSequence {
  const large = quota(number, 1_000);
  const steps = [consumeEach(number - 2, 1, number), consumeEach(2, 1, 0), consumeEach(1, 1, 0), consumeEach(0, 1, 1)];
  return { algorithms: same(algorithm), shapes: [large, quota(3, number), large], steps };
}

/** As much debt as a number holds, given back in parts. */
export function largestDebt(algorithm: AlgorithmName): CallSequence {
  const most = Number.MAX_SAFE_INTEGER;
  const charges = [3, most, most].map((units) => consume(units, true));
  const refunds = [5, most - 20, 2 ** 42, most].map((units) => refund(units, null));
  return { algorithms: same(algorithm), shapes: same(quota(10, 1_000)), steps: [...charges, ...refunds] };
}
