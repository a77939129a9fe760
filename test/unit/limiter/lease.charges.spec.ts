import { install } from '@sinonjs/fake-timers';
import type { Charge, Refund } from '../../../lib/contracts/backend.js';
import type { Outcome, Receipt } from '../../../lib/limiter/decider.js';
import { BackendLease, type LeaseAccount } from '../../../lib/limiter/lease.js';
import { Admission } from '../../../lib/limiter/admission.js';
import { ServiceRequests } from '../../../lib/limiter/service-requests.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { ScriptedBackend } from './failover/scripted-backend.js';
import { limiterApp } from './limiter-app.js';

const slots = { algorithm: 'concurrency', limit: 2 } as const;
const policies = {
  tokens: { rate: '10/m', algorithm: 'fixed-window' },
  calls: { rate: '4/m', algorithm: 'fixed-window' },
  jobs: { ...slots, leaseTime: '1m' },
  brief: { ...slots, leaseTime: '6s' },
  watched: { ...slots, limit: 0, mode: 'shadow' },
} as const;

async function start() {
  const store = new ScriptedBackend('store');
  const refunds: string[] = [];
  const { refund } = store;
  store.refund = (request) => {
    refunds.push(request.charges.map(({ policy, cost }) => `${cost} of ${policy.name}`).join(', '));
    return refund.call(store, request);
  };
  const app = await limiterApp({ backend: store, policies });
  const left = async (...names: readonly string[]): Promise<readonly number[]> =>
    (await app.service.peek('key', names)).policies.map(({ remaining }) => remaining);
  return { ...app, store, refunds, left };
}

describe('a lease of units and a slot', () => {
  it('counts further units only by what counts units', async () => {
    await using app = await start();
    const lease = await app.service.acquire('key', ['jobs', 'tokens'], { cost: 1 });
    expect(await lease.consume(3)).toMatchObject({ policies: [{ name: 'tokens', remaining: 6 }] });
    await lease.adjust(2);
    expect(await app.left('jobs', 'tokens')).toEqual([1, 4]);
    await lease.release();
    expect(await app.left('jobs', 'tokens')).toEqual([2, 10]);
    expect(app.refunds.toSorted()).toEqual(['1 of jobs', '1 of tokens', '2 of tokens', '3 of tokens']);
  });

  it('keeps the units and frees the slot when it is settled', async () => {
    await using app = await start();
    const lease = await app.service.acquire('key', ['tokens', 'jobs']);
    lease.settle();
    expect(await app.left('tokens', 'jobs')).toEqual([9, 2]);
    expect(app.refunds).toEqual(['1 of jobs']);
  });

  it('asks nobody for further units if it is of a slot alone', async () => {
    await using app = await start();
    const lease = await app.service.acquire('key', 'jobs');
    app.store.drain();
    expect(await lease.consume(3)).toBe(lease.decision);
    await lease.adjust(3);
    expect(app.store.drain()).toEqual([]);
  });

  it('has no slot of a shadow policy that refused', async () => {
    await using app = await start();
    const inUse = app.hear('slots');
    const request = app.app.get(ServiceRequests).of([{ key: 'key', policies: ['watched', 'tokens'] }], {}, 'charges');
    const { outcome, slots: held } = await app.app.get(Admission).admit(request);
    expect([outcome.decision.kind, held]).toEqual(['allowed', undefined]);
    const lease = await app.service.acquire('key', ['watched', 'jobs']);
    await lease.release();
    expect(app.refunds).toEqual(['1 of jobs']);
    expect(inUse.map(({ policy, inUse: count }) => [policy, count])).toEqual([
      ['jobs', 1],
      ['jobs', 0],
    ]);
  });

  it('has no slot if another policy refused', async () => {
    await using app = await start();
    const inUse = app.hear('slots');
    await expect(app.service.acquire('key', ['jobs', 'calls'], { cost: 5 })).rejects.toThrow('Too Many Requests');
    expect(inUse).toEqual([]);
    expect(await app.left('jobs')).toEqual([2]);
  });

  it('is renewed as often as the shortest of its leases needs', async () => {
    const clock = install({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    await using app = await start();
    let renewals = 0;
    Object.assign(app.store, { renew: () => void (renewals += 1) });
    const lease = await app.service.acquire('key', ['jobs', 'brief']);
    await clock.tickAsync(1_999);
    expect(renewals).toBe(0);
    await clock.tickAsync(4_001);
    expect(renewals).toBe(3);
    await lease.release();
    clock.uninstall();
  });

  it('is renewed again if it is kept after it lapsed', async () => {
    const clock = install({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    await using app = await start();
    let renewals = 0;
    Object.assign(app.store, { renew: () => void (renewals += 1) });
    const request = app.app.get(ServiceRequests).of([{ key: 'key', policies: 'brief' }], {}, 'charges');
    const { slots: held } = await app.app.get(Admission).admit(request);
    held!.lapse();
    await clock.tickAsync(10_000);
    expect(renewals).toBe(0);
    held!.keep();
    await clock.tickAsync(6_000);
    expect(renewals).toBe(3);
    await held!.free();
    clock.uninstall();
  });
});

describe('the units of a lease', () => {
  it('may be none', async () => {
    await using app = await start();
    const lease = await app.service.acquire('key', 'tokens', { cost: 0 });
    expect(await lease.consume(0)).toMatchObject({ kind: 'allowed', policies: [{ remaining: 10 }] });
    app.store.drain();
    await lease.adjust(0);
    await lease.release();
    expect(app.store.drain()).toEqual([]);
  });

  it('are those that were charged, not those of a refusal', async () => {
    await using app = await start();
    await app.service.consume('key', 'tokens', { cost: 3 });
    const lease = await app.service.acquire('key', ['tokens', 'calls'], { cost: 2 });
    expect(await lease.consume(3)).toMatchObject({ kind: 'limited' });
    await lease.release();
    expect(await app.left('tokens', 'calls')).toEqual([7, 4]);
    expect(app.refunds).toEqual(['2 of tokens, 2 of calls']);
  });

  it('are given back only where there is something to give back', async () => {
    await using app = await start();
    const lease = await app.service.acquire('key', 'tokens', { cost: 2 });
    await lease.consume(3);
    await lease.adjust(-1);
    await lease.adjust(-3);
    await lease.release();
    await lease.release();
    expect(app.refunds).toEqual(['1 of tokens', '2 of tokens', '1 of tokens', '1 of tokens']);
  });
});

describe('a charge that is on its way when its lease ends', () => {
  const policy = testPolicy({ algorithm: 'fixed-window', limit: 10, windowMs: 60_000 });
  const status = {
    name: 'test',
    limit: 10,
    windowMs: 60_000,
    remaining: 5,
    resetAfterMs: 1,
    retryAfterMs: 0,
    mode: 'enforce',
  };
  const outcome = {
    atMs: 1,
    decision: {
      kind: 'allowed',
      allowed: true,
      source: 'primary',
      backend: 'b',
      policies: [{ ...status, allowed: true }],
    },
  } as unknown as Outcome;

  async function ending(end: (lease: BackendLease) => unknown): Promise<number> {
    let answer: (outcome: Outcome) => void = () => undefined;
    let returned = 0;
    const account: LeaseAccount = {
      charge: (_charges: readonly Charge[]) => new Promise((resolve) => (answer = resolve)),
      refund: async (charges: readonly Refund[], _receipt: Receipt) => {
        for (const { cost } of charges) returned += cost;
      },
    };
    const lease = new BackendLease(outcome, [{ key: 'key', policy, cost: 2 }], account);
    const charging = lease.consume(3);
    await end(lease);
    answer(outcome);
    await charging;
    return returned;
  }

  it.each<[string, (lease: BackendLease) => unknown, number]>([
    ['is given back by a release', (lease) => lease.release(), 5],
    [
      'is given back by a release that somebody settles later',
      async (lease) => (await lease.release(), lease.settle()),
      5,
    ],
    ['is kept by a settled lease', (lease) => lease.settle(), 0],
    ['is kept by a settled lease that somebody releases later', async (lease) => (lease.settle(), lease.release()), 0],
  ])('%s', async (_what, end, expected) => {
    expect(await ending(end)).toBe(expected);
  });
});
