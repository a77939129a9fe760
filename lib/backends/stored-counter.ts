import type { CounterState } from '../algorithms/algorithm.js';
import { decide } from '../algorithms/counter.js';
import type { AlgorithmName, Policy } from '../contracts/policy.js';

/** A stored counter: the values that are known without its policy. */
export interface StoredCounter {
  /** By what the store knows it: a hash of the policy's id. */
  readonly id: string;
  /** `undefined`: the store does not tell it. */
  readonly algorithm: AlgorithmName | undefined;
  /** From then on it is as if never seen, ms since the epoch. */
  readonly keptUntilMs: number;
  /** The window for which it was counted, ms; 0: the key is blocked until `keptUntilMs`. */
  readonly windowMs: number;
  /** Units that count as of now: used ones, or slots in use. 0 under a block. */
  readonly used: number;
  /** Limit, where the counter itself tells it: of a token bucket. */
  readonly limit?: number;
}

/** A limit that no counter reaches, to see how many units count. */
const PLENTY = 2 ** 34;

/**
 * Units of a window that count as of now, by the algorithm itself.
 *
 * @param state not that of a log: the units of one are counted
 */
export function usedUnits(algorithm: AlgorithmName, state: CounterState, nowMs: number): number {
  const limit = algorithm === 'token-bucket' ? state.rest : PLENTY;
  const burst = PLENTY;
  const policy: Policy = {
    id: '',
    name: '',
    algorithm,
    limit,
    burst,
    windowMs: state.windowMs,
    blockForMs: 0,
    mode: 'enforce',
  };
  return burst - decide(state, policy, 0, false, nowMs).status.remaining;
}
