import { jest } from '@jest/globals';
import { Controller, Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  type ConsumeOptions,
  type Decision,
  memoryBackend,
  RateLimit,
  RateLimitConfigurationError,
  RateLimitExceededException,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { manualClock } from '../../support/manual-clock.js';
import { ScriptedBackend } from './failover/scripted-backend.js';
import { limiterApp } from './limiter-app.js';

const policies = {
  login: '5/m',
  search: { rate: '10/m', cost: 3 },
  free: { limit: null, window: '1m' },
  jobs: { limit: 1, algorithm: 'concurrency' },
} as const;

const start = (options: RateLimitModuleOptions = {}) =>
  limiterApp({ backend: memoryBackend({ clock: manualClock() }), policies, ...options });

const told = (decision: Decision) => decision.policies.map((status) => ({ ...status }));

const USER_AND_TENANT = [
  { key: 'user:1', policies: 'login' },
  { key: 'tenant:9', policies: ['search', 'login'], cost: 2 },
];

describe('several subjects of one decision', () => {
  it('are charged together, and each status names its key', async () => {
    await using app = await start();
    const decision = await app.service.consume(USER_AND_TENANT);
    expect(decision).toMatchObject({ kind: 'allowed', allowed: true, source: 'primary', backend: 'memory' });
    expect(told(decision)).toMatchObject([
      { key: 'user:1', name: 'login', remaining: 4 },
      { key: 'tenant:9', name: 'search', remaining: 8 },
      { key: 'tenant:9', name: 'login', remaining: 3 },
    ]);
  });

  it('are all refused if one is, and charged nothing', async () => {
    await using app = await start();
    await app.service.consume('tenant:9', 'login', { cost: 4 });
    const decision = await app.service.consume(USER_AND_TENANT);
    expect(decision).toMatchObject({ kind: 'limited', allowed: false });
    expect(told(decision).map(({ allowed }) => allowed)).toEqual([true, true, false]);
    expect(told(await app.service.peek(USER_AND_TENANT))).toMatchObject([
      { key: 'user:1', remaining: 5 },
      { key: 'tenant:9', remaining: 10 },
      { key: 'tenant:9', remaining: 1 },
    ]);
  });

  it('cost what the call says, unless they say it themselves', async () => {
    await using app = await start();
    const decision = await app.service.consume(USER_AND_TENANT, { cost: 1 });
    expect(told(decision).map(({ remaining }) => remaining)).toEqual([4, 8, 3]);
    expect((await app.service.consume(USER_AND_TENANT, { cost: 5 })).allowed).toBe(false);
  });

  it('are charged each if one policy limits them all', async () => {
    await using app = await start();
    const keys = ['user:1', 'user:2', 'user:1'];
    const decision = await app.service.consume(keys.map((key) => ({ key, policies: 'login' })));
    expect(told(decision)).toMatchObject([{ key: 'user:1' }, { key: 'user:2' }]);
    expect(decision.policies).toHaveLength(2);
  });

  it('are given back and forgotten together', async () => {
    await using app = await start();
    const left = async (): Promise<readonly number[]> =>
      told(await app.service.peek(USER_AND_TENANT)).map(({ remaining }) => remaining);
    await app.service.consume(USER_AND_TENANT);
    await app.service.consume(USER_AND_TENANT);
    await app.service.refund(USER_AND_TENANT);
    expect(await left()).toEqual([4, 8, 3]);
    await app.service.reset(USER_AND_TENANT.slice(1));
    expect(await left()).toEqual([4, 10, 5]);
  });

  it('have one lease', async () => {
    await using app = await start();
    const lease = await app.service.acquire(USER_AND_TENANT, { cost: 5 });
    await expect(app.service.acquire(USER_AND_TENANT)).rejects.toBeInstanceOf(RateLimitExceededException);
    await lease.release();
    expect(told(await app.service.peek(USER_AND_TENANT)).map(({ remaining }) => remaining)).toEqual([5, 10, 5]);
  });

  it('may be none of those that a policy limits', async () => {
    await using app = await start();
    const free = await app.service.consume([{ key: 'a', policies: 'free' }]);
    expect(free).toMatchObject({ kind: 'unenforced', reason: 'skipped', policies: [] });
  });

  it('cannot be none', async () => {
    await using app = await start();
    await expect(app.service.consume([])).rejects.toThrow(
      new RateLimitConfigurationError('subjects', [], 'Give at least one { key, policies }.'),
    );
  });
});

describe('one key', () => {
  it('is not named in the statuses of its decision', async () => {
    await using app = await start();
    const { service } = app;
    for (const decision of [await service.consume('a', 'login'), await service.peek('a', 'login')]) {
      expect(told(decision).map((status) => Object.keys(status).includes('key'))).toEqual([false]);
    }
  });

  it('takes options when a lease is acquired', async () => {
    await using app = await start();
    await app.service.acquire('a', 'login', { cost: 4 });
    expect(told(await app.service.peek('a', 'login'))).toMatchObject([{ remaining: 1 }]);
    const unknown = app.service.acquire('a', 'login', { costs: 4 } as ConsumeOptions);
    await expect(unknown).rejects.toThrow('options.costs: received 4.');
  });
});

describe('a backend', () => {
  it('is not asked to give back slots, nor what no policy counts', async () => {
    const store = new ScriptedBackend('store');
    await using app = await start({ backend: store });
    await app.service.refund('a', ['jobs', 'free']);
    await app.service.reset('a', 'free');
    expect(store.drain()).toEqual([]);
    await app.service.refund('a', ['jobs', 'login']);
    await app.service.reset('a', 'login');
    expect(store.drain()).toEqual(['refund', 'reset']);
  });

  it('is not asked for slots by a limiter that is disabled', async () => {
    const store = new ScriptedBackend('store');
    await using app = await start({ backend: store, enabled: false });
    const decisions = app.hear('decision');
    const lease = await app.service.acquire('a', 'jobs');
    expect(lease.decision).toMatchObject({ kind: 'unenforced', reason: 'disabled' });
    await app.service.pause('a', 'login', 1_000);
    expect(await app.service.waitFor('a', 'login', { maxWait: '1s' })).toMatchObject({ reason: 'disabled' });
    await lease.release();
    expect(store.drain()).toEqual([]);
    expect(decisions.map(({ decision }) => decision)).toMatchObject([{ kind: 'unenforced', reason: 'disabled' }]);
  });

  it('receives the signal of a call, and none of a call without', async () => {
    const backend = memoryBackend();
    const consume = jest.spyOn(backend, 'consume');
    await using app = await start({ backend });
    const { signal } = new AbortController();
    await app.service.consume('a', 'login', { signal });
    await app.service.consume('a', 'login');
    expect(consume.mock.calls.map(([request]) => request.signal)).toEqual([signal, undefined]);
  });
});

it.each<[string, (service: BackendService) => Promise<unknown>]>([
  ['consume', (service) => service.consume('a', ['login', 'jobs'])],
  ['consume of subjects', (service) => service.consume([{ key: 'a', policies: ['login', 'jobs'] }])],
  ['waitFor', (service) => service.waitFor('a', ['login', 'jobs'], { maxWait: '1s' })],
])('%s takes no slot, which it would not give back', async (_verb, call) => {
  await using app = await start();
  await expect(call(app.service)).rejects.toThrow(
    "policies: received 'jobs'. A concurrency policy holds a slot while a call lives: use acquire() or withLease().",
  );
  expect(told(await app.service.peek('a', 'login'))).toMatchObject([{ remaining: 5 }]);
});

describe('the health of the service', () => {
  it('has a policy store only where the module has one', async () => {
    await using without = await start();
    expect(Object.keys(await without.service.health())).toEqual(['healthy', 'backends']);
    const policyStore = { name: 'p', read: async () => undefined, change: async () => ({}), close: () => undefined };
    await using app = await start({ policyStore: policyStore as never });
    expect(await app.service.health()).toMatchObject({ healthy: true, policyStore: { healthy: true } });
  });
});

describe('a policy that a decorator writes, too', () => {
  @Controller()
  class CatsController {
    @RateLimit({ name: 'cats', rate: '5/m' })
    all(): void {
      // Called by nobody.
    }
  }

  const CATS = { name: 'cats', rate: '5/m' };

  it.each<[string, number, (service: BackendService) => Promise<unknown>]>([
    ['peek', 1, (service) => service.peek('a', CATS)],
    ['reset', 1, (service) => service.reset('a', CATS)],
    ['refund', 1, (service) => service.refund([{ key: 'a', policies: CATS }])],
    ['consume', 0, (service) => service.consume('a', CATS)],
    ['consume of subjects', 0, (service) => service.consume([{ key: 'a', policies: CATS }])],
    ['acquire', 0, (service) => service.acquire('a', CATS)],
    ['waitFor', 0, (service) => service.waitFor('a', CATS, { maxWait: '1s' })],
  ])(
    'is warned about once, and only where a counter is asked for that nobody charged: %s',
    async (_verb, count, call) => {
      const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      const app = await Test.createTestingModule({
        imports: [RateLimitModule.forRoot({ backend: memoryBackend() })],
        controllers: [CatsController],
      }).compile();
      await app.init();
      const service = app.get(BackendService);
      await call(service);
      await service.peek('a', CATS);
      expect(warn.mock.calls).toEqual(
        Array(count).fill([
          "The policy 'cats' that BackendService was given has a counter of its own. If you mean that of @RateLimit(), give routeLimits(CatsController, 'all').",
        ]),
      );
      warn.mockRestore();
      await app.close();
    },
  );
});
