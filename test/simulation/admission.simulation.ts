import { LocalLimiter } from '../../lib/limiter/local-limiter.js';
import { testPolicy } from '../../lib/testing/test-policy.js';
import { randomNumbers } from '../support/random-numbers.js';
import { chooser, pauseMs } from './random.js';

/** A fleet whose store is away, each process of which enforces the limit by itself. */
export interface AdmissionPlan {
  readonly seed: number;
  readonly processes: number;
  /** Share of the limit that each process enforces. */
  readonly localShare: number;
  /** `uneven`: the n-th process gets a call for every n of the first. */
  readonly spread: 'even' | 'uneven';
}

/** What came of it. */
export interface AdmissionResult {
  /** Of what the limit would have admitted: above 1 is over it, below 1 is quota that nobody got. */
  readonly admittedShare: number;
}

const LIMIT = 20_000;
const WINDOW_MS = 60_000;
const DEMAND = 3;
const WINDOWS = 2;

/** Runs the real limiter of failure mode `local` in each process, under a clock and randomness of its own. */
export function simulateAdmission({ seed, processes, localShare, spread }: AdmissionPlan): AdmissionResult {
  const random = randomNumbers(seed);
  const policy = testPolicy({ algorithm: 'fixed-window', limit: LIMIT, windowMs: WINDOW_MS });
  let nowMs = 0;
  const limiters = Array.from({ length: processes }, () => new LocalLimiter(localShare, () => nowMs));
  const choose = chooser(random, processes, spread);
  const request = { charges: [{ key: 'global', policy, cost: 1 }], timeoutMs: 250 };
  let admitted = 0;
  for (let window = 0; window < WINDOWS; window += 1) {
    for (nowMs = window * WINDOW_MS; ;) {
      nowMs += pauseMs(random, (LIMIT * DEMAND * 1_000) / WINDOW_MS);
      if (nowMs >= (window + 1) * WINDOW_MS) break;
      const { policies } = (limiters[choose()] as LocalLimiter).consume(request, 1_000);
      if (policies[0]?.allowed === true) admitted += 1;
    }
  }
  return { admittedShare: admitted / (LIMIT * WINDOWS) };
}
