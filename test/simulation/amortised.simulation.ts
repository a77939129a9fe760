import { RefusalCache } from '../../lib/backends/refusal-cache.js';
import type { Reply } from '../../lib/contracts/backend.js';
import type { Policy } from '../../lib/contracts/policy.js';
import { replaceTime } from '../../lib/contracts/process-time.js';
import { PrepaidUnits } from '../../lib/limiter/prepaid-units.js';
import { testPolicy } from '../../lib/testing/test-policy.js';
import { randomNumbers } from '../support/random-numbers.js';
import { chooser, pauseMs } from './random.js';
import { SimulatedStore } from './simulated-store.js';
import { Timeline } from './timeline.js';

/** A fleet under one limit that is asked for four times as much. */
export interface AmortisedPlan {
  readonly seed: number;
  readonly processes: number;
  readonly lease: Policy['lease'];
  readonly refusalCache: boolean;
  readonly limit: number;
  readonly windowMs: number;
  /** `uneven`: the n-th process gets a call for every n of the first. */
  readonly spread: 'even' | 'uneven';
  /** When one process resets the counter in the last window. Default: never. */
  readonly resetWhen?: 'half is used' | 'nothing is left' | undefined;
}

/** What came of it. */
export interface AmortisedResult {
  /** Of the limit: the most that a window admitted, and the least; after a reset, what was admitted since. */
  readonly mostShare: number;
  readonly leastShare: number;
  /** Calls to the store for each call of a client. */
  readonly asked: number;
}

const WINDOWS = 2;
const DEMAND = 4;

/** The part of a window after which so much is used. */
const RESET_AT = { 'half is used': 0.5 / DEMAND, 'nothing is left': 2 / DEMAND } as const;

/** Runs the real leases and the real cache of refusals of each process, under a clock, a network and randomness of its own. */
export async function simulateAmortised(plan: AmortisedPlan): Promise<AmortisedResult> {
  const { seed, processes, lease, refusalCache, limit, windowMs, spread, resetWhen } = plan;
  const random = randomNumbers(seed);
  const timeline = new Timeline();
  const store = new SimulatedStore(timeline, random);
  const clock = timeline.clock;
  replaceTime({ monotonicMs: clock, wallMs: clock, after: timeline.later });
  const policy = testPolicy({
    ...{ algorithm: 'fixed-window', limit, windowMs },
    ...(lease !== undefined && { lease }),
  });
  const request = { charges: [{ key: 'global', policy, cost: 1 }], timeoutMs: 60_000 };
  const fleet = Array.from({ length: processes }, () => {
    const refusals = refusalCache ? new RefusalCache(10, clock) : undefined;
    return new PrepaidUnits(store.connection(refusals), { clock });
  });
  const choose = chooser(random, processes, spread);
  const resetMs = resetWhen === undefined ? Number.POSITIVE_INFINITY : (WINDOWS - 1 + RESET_AT[resetWhen]) * windowMs;
  const admitted = new Array<number>(WINDOWS + 1).fill(0);
  let made = 0;
  const count = ({ allowed, nowMs }: Reply): void => {
    if (!allowed) return;
    const window = nowMs >= resetMs ? WINDOWS : Math.floor(nowMs / windowMs);
    admitted[window] = (admitted[window] ?? 0) + 1;
  };
  const call = (): void => {
    if (timeline.nowMs >= WINDOWS * windowMs) return;
    made += 1;
    const units = fleet[choose()] as PrepaidUnits;
    const known = units.recall(request);
    if (known === undefined) void Promise.resolve(units.consume(request)).then(count);
    else count(known);
    timeline.after(pauseMs(random, (limit * DEMAND * 1_000) / windowMs), call);
  };
  call();
  timeline.after(resetMs, () => void fleet[0]?.reset(request));
  try {
    // The last are answered, and what is held is given back.
    await timeline.runWithPromises(WINDOWS * windowMs + 2_000);
  } finally {
    replaceTime(undefined);
  }
  const judged = resetWhen === undefined ? admitted.slice(0, WINDOWS) : admitted.slice(WINDOWS);
  return {
    mostShare: Math.max(...judged) / limit,
    leastShare: Math.min(...judged) / limit,
    asked: store.asked / made,
  };
}
