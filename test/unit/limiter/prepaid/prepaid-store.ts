import type { Charge, Reply } from '../../../../lib/contracts/backend.js';
import type { Policy } from '../../../../lib/contracts/policy.js';
import { PrepaidUnits } from '../../../../lib/limiter/prepaid-units.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';
import { CLOCK_START_MS, manualClock } from '../../../support/manual-clock.js';
import { CountedStore } from './counted-store.js';

const TIMEOUT_MS = 5_000;

/** A policy of 150 a minute, of which 10 are debited at a time. */
export function leasedPolicy(given: Partial<Policy> = {}): Policy {
  return testPolicy({ name: 'leased', algorithm: 'fixed-window', limit: 150, windowMs: 60_000, lease: 10, ...given });
}

/**
 * Two processes or more of one store.
 *
 * @param aheadMs how far the store's clock is ahead of that of the process
 */
export function made({ policy = leasedPolicy(), aheadMs = 3_600_000, maxKeys = 10_000 } = {}) {
  const clock = manualClock(CLOCK_START_MS);
  const store = new CountedStore(() => Math.floor(clock()) + aheadMs);
  const another = (): PrepaidUnits => new PrepaidUnits(store, { clock, maxKeys });
  const units = another();
  const request = (cost = 1, key = 'k', by = policy) => ({
    charges: [{ key, policy: by, cost }],
    timeoutMs: TIMEOUT_MS,
  });
  /** As a guarded backend asks. */
  const ask = async (charges: readonly Charge[], by = units): Promise<Reply> => {
    const asked = { charges, timeoutMs: TIMEOUT_MS };
    return by.recall(asked) ?? by.consume(asked);
  };
  const consume = (cost = 1, by = units, key = 'k') => ask([{ key, policy, cost }], by);
  /** Calls of cost 1 that are admitted before one is refused. */
  const takeAll = async (by = units): Promise<number> => {
    let admitted = 0;
    while ((await consume(1, by)).allowed) admitted += 1;
    return admitted;
  };
  const used = async (): Promise<number> => {
    const { policies } = await store.peek(request());
    store.asked.pop();
    return policy.limit - (policies[0]?.remaining ?? 0);
  };
  return { clock, store, units, another, policy, request, ask, consume, takeAll, used };
}
