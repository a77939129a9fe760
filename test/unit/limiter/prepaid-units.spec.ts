import type { Charge, Reply } from '../../../lib/contracts/backend.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { PrepaidUnits } from '../../../lib/limiter/prepaid-units.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { CLOCK_START_MS, manualClock } from '../../support/manual-clock.js';
import { closedGate } from './closed-gate.js';
import { CountedStore } from './counted-store.js';

const TIMEOUT_MS = 5_000;

function leasedPolicy(given: Partial<Policy> = {}): Policy {
  return testPolicy({ name: 'leased', algorithm: 'fixed-window', limit: 150, windowMs: 60_000, lease: 10, ...given });
}

/** @param aheadMs how far the store's clock is ahead of that of the process */
function made({ policy = leasedPolicy(), aheadMs = 3_600_000, maxKeys = 10_000 } = {}) {
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

it('debits units in advance, and hands them out without asking', async () => {
  const { store, consume } = made();
  const first = await consume();
  expect(first).toMatchObject({ allowed: true, policies: [{ remaining: 149 }] });
  expect(first.source).toBeUndefined();
  for (let left = 148; left >= 140; left -= 1) {
    expect(await consume()).toMatchObject({ allowed: true, source: 'cache', policies: [{ remaining: left }] });
  }
  expect(store.asked).toEqual(['consume 10']);
  expect(await consume()).toMatchObject({ policies: [{ remaining: 139 }] });
  expect(store.asked).toEqual(['consume 10', 'consume 10']);
});

it.each([1, 3, 7, 150])('gives a lone process every unit, by debits of %d', async (size) => {
  const { takeAll, used } = made({ policy: leasedPolicy({ lease: size }) });
  expect(await takeAll()).toBe(150);
  expect(await used()).toBe(150);
});

it('gives a lone process that calls at once every unit', async () => {
  const { consume } = made({ policy: leasedPolicy({ lease: 40 }) });
  const replies = await Promise.all(Array.from({ length: 400 }, () => consume()));
  expect(replies.filter(({ allowed }) => allowed)).toHaveLength(150);
});

it('gives back what is held before a call that costs more is refused', async () => {
  const { store, consume, used } = made({ policy: leasedPolicy({ limit: 20, lease: 10 }) });
  await consume();
  await consume(7);
  expect(await used()).toBe(10);
  // 2 are held and 10 are left: together they suffice.
  expect(await consume(12)).toMatchObject({ allowed: true });
  expect(store.asked).toEqual(['consume 10', 'consume 12', 'refund 2', 'consume 12']);
  expect(await consume()).toMatchObject({ allowed: false, policies: [{ remaining: 0 }] });
});
