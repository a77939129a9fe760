import { memoryBackend } from '../../../lib/backends/memory/memory.backend.js';
import type { Charge, ConsumeRequest } from '../../../lib/contracts/backend.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { type CarriedCharge, CarryOver } from '../../../lib/limiter/carry-over.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { MAX_DURATION_MS } from '../../../lib/policies/duration.js';
import { manualClock } from '../../support/manual-clock.js';
import { refused } from './failover/scripted-backend.js';

const WINDOW_MS = 60_000;

const policyOf = (id: string, limit: number, more: Partial<Policy> = {}): Policy =>
  testPolicy({ id, name: 'api', algorithm: 'fixed-window', limit, windowMs: WINDOW_MS, ...more });

/** A store in which a key has used some of the policy before a change. */
function changed({ used = 0, before = 10, after = policyOf('after', 10), key = 'someone' } = {}) {
  const store = memoryBackend({ clock: manualClock() });
  const asked: string[] = [];
  const requests: ConsumeRequest[] = [];
  const { consume, peek } = store;
  const charge = (policy: Policy, cost: number): Charge => ({ key, policy, cost });
  const old = { ...after, id: 'before', limit: before, burst: before };
  if (used > 0) void store.consume({ charges: [charge(old, used)], timeoutMs: 5 });
  const error: { value?: unknown } = {};
  const asking = (verb: string): void => {
    asked.push(verb);
    if (error.value !== undefined) throw error.value as Error;
  };
  Object.assign(store, {
    consume: (request: ConsumeRequest) => (asking('consume'), requests.push(request), consume.call(store, request)),
    peek: (request: ConsumeRequest) => (asking('peek'), peek.call(store, request)),
  });
  const carried: CarriedCharge = { charge: charge(after, 1), from: { id: 'before', limit: before } };
  const left = () => peek.call(store, { charges: [charge(after, 0)], timeoutMs: 5 });
  return {
    store,
    carried,
    error,
    asked: () => asked.splice(0),
    requests: () => requests.splice(0),
    left: async () => (await left()).policies[0]!.remaining,
  };
}

describe('what was used before a change', () => {
  it.each([
    ['half of a larger limit', { used: 5, before: 10, after: policyOf('after', 100) }, 50],
    ['half of a smaller limit', { used: 5, before: 10, after: policyOf('after', 4) }, 2],
    ['a part of a unit is a whole one', { used: 1, before: 10, after: policyOf('after', 3) }, 2],
    ['all of it', { used: 10, before: 10, after: policyOf('after', 3) }, 0],
    ['nothing', { used: 0, before: 10, after: policyOf('after', 7) }, 7],
    [
      'more than a burst holds',
      { used: 10, before: 10, after: policyOf('after', 8, { burst: 2, algorithm: 'token-bucket' }) },
      0,
    ],
  ] as const)('counts in proportion: %s', async (_what, given, left) => {
    const { store, carried, left: remaining } = changed(given);
    await new CarryOver(store).before([carried], 70);
    expect(await remaining()).toBe(left);
  });

  it('is charged with a mark that can be charged once, with the deadline of the call', async () => {
    const after = policyOf('after', 20);
    const { store, carried, requests } = changed({ used: 5, after });
    await new CarryOver(store).before([carried], 70);
    const mark = {
      limit: 1,
      burst: 1,
      blockForMs: 0,
      windowMs: 2 * WINDOW_MS,
      algorithm: 'sliding-log',
      mode: 'enforce',
    };
    expect(requests()).toEqual([
      {
        charges: [
          { key: 'someone', cost: 1, policy: { id: '~carried:after', name: 'carried', ...mark } },
          { key: 'someone', cost: 10, policy: after },
        ],
        timeoutMs: 70,
      },
    ]);
  });

  it('has a mark that lasts no longer than a window may', async () => {
    const { store, carried, requests } = changed({
      used: 5,
      after: policyOf('after', 20, { windowMs: MAX_DURATION_MS - 1 }),
    });
    Object.assign(store, { peek: () => ({ allowed: true, nowMs: 0, policies: [{ remaining: 15 }] }) });
    await new CarryOver(store).before([carried], 70);
    expect(requests()[0]?.charges[0]?.policy.windowMs).toBe(MAX_DURATION_MS);
  });

  it('is carried over by one process only', async () => {
    const { store, carried, left } = changed({ used: 5, after: policyOf('after', 20) });
    await Promise.all([1, 2, 3].map(() => new CarryOver(store).before([carried], 70)));
    expect(await left()).toBe(10);
  });

  it('is asked for once by each process, and awaited by all its calls meanwhile', async () => {
    const { store, carried, asked } = changed({ used: 5 });
    const carrying = new CarryOver(store);
    await Promise.all([carrying.before([carried], 70), carrying.before([carried], 70)]);
    expect(asked()).toEqual(['peek', 'consume']);
    expect(carrying.before([carried], 70)).toBeUndefined();
    const other = { ...carried, charge: { ...carried.charge, key: 'another' } };
    expect(carrying.before([carried, other], 70)).toBeInstanceOf(Promise);
  });

  it('charges nothing where nothing was used', async () => {
    const { store, carried, asked } = changed();
    await new CarryOver(store).before([carried], 70);
    expect(asked()).toEqual(['peek']);
  });

  it('is asked for again after an outage, which is left to the decision', async () => {
    const { store, carried, asked, error, left } = changed({ used: 5 });
    const carrying = new CarryOver(store);
    error.value = Object.assign(refused(), { code: 'BACKEND_UNAVAILABLE' });
    await expect(carrying.before([carried], 70)).resolves.toEqual([undefined]);
    error.value = undefined;
    await carrying.before([carried], 70);
    expect(asked()).toEqual(['peek', 'peek', 'consume']);
    expect(await left()).toBe(5);
  });

  it('does not hide a bug', async () => {
    const { store, carried, error } = changed({ used: 5 });
    const carrying = new CarryOver(store);
    error.value = new TypeError('a bug');
    await expect(carrying.before([carried], 70)).rejects.toBe(error.value);
    error.value = undefined;
    expect(carrying.before([carried], 70)).toBeInstanceOf(Promise);
  });

  it('is forgotten by a process of the keys that it used first', async () => {
    const { store, carried } = changed();
    const carrying = new CarryOver(store);
    const keyed = (key: string): CarriedCharge => ({ ...carried, charge: { ...carried.charge, key } });
    const keys = Array.from({ length: 10_000 }, (_, index) => `key ${index}`);
    await carrying.before(keys.map(keyed), 70);
    expect(carrying.before([keyed('key 0')], 70)).toBeUndefined();
    await carrying.before([keyed('one more')], 70);
    expect(carrying.before([keyed('key 1')], 70)).toBeUndefined();
    expect(carrying.before([keyed('key 0')], 70)).toBeInstanceOf(Promise);
  });
});
