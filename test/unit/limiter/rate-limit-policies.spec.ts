import { Controller, type ExecutionContext, Get, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  memoryBackend,
  type PolicyChangeEvent,
  RateLimit,
  RateLimitConfigurationError,
  RateLimitEvents,
  RateLimitGuard,
  RateLimitModule,
  type RateLimitModuleOptions,
  RateLimitPolicies,
} from 'nestjs-floodgate';
import { type ManualClock, manualClock } from '../../support/manual-clock.js';
import { httpCall } from '../guard/calls.js';

@Controller()
class CatsController {
  @RateLimit('api')
  @Get()
  all(): void {
    // Called by nobody.
  }

  @RateLimit('1/m')
  @Get()
  one(): void {
    // Called by nobody.
  }
}

interface Fixture {
  readonly policies: RateLimitPolicies;
  readonly service: BackendService;
  readonly guard: RateLimitGuard;
  readonly changes: PolicyChangeEvent[];
  readonly clock: ManualClock;
}

let app: INestApplicationContext;

afterEach(() => app.close());

async function start(options: RateLimitModuleOptions = {}): Promise<Fixture> {
  const clock = manualClock();
  app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        backend: memoryBackend({ clock }),
        policies: {
          api: { rate: '3/m', algorithm: 'fixed-window', key: 'global' },
          login: { rate: '5/15m', message: 'Too many logins' },
          found: () => '1/m',
        },
        ...options,
      }),
    ],
    controllers: [CatsController],
  }).compile();
  await app.init();
  const changes: PolicyChangeEvent[] = [];
  app.get(RateLimitEvents).on((event) => {
    if (event.kind === 'policy-change') changes.push(event);
  });
  return {
    policies: app.get(RateLimitPolicies),
    service: app.get(BackendService),
    guard: app.get(RateLimitGuard),
    changes,
    clock,
  };
}

const call = (method: 'all' | 'one'): ExecutionContext => httpCall({}, { type: CatsController, method });

describe('a policy that is set at run time', () => {
  it('holds at once for routes and for the service, and keeps what was counted', async () => {
    const { policies, service, guard } = await start();
    for (let count = 0; count < 3; count += 1) expect(await guard.canActivate(call('all'))).toBe(true);
    await expect(async () => guard.canActivate(call('all'))).rejects.toThrow('Too Many Requests');
    await policies.set('api', '5/m');
    expect((await service.peek('global', 'api')).policies).toMatchObject([{ limit: 5, remaining: 2 }]);
    expect(await guard.canActivate(call('all'))).toBe(true);
    expect(await guard.canActivate(call('all'))).toBe(true);
    await expect(async () => guard.canActivate(call('all'))).rejects.toThrow('Too Many Requests');
  });

  it('keeps what is not named: window, message, key', async () => {
    const { policies } = await start();
    await policies.set('login', { limit: 10 });
    expect(policies.list().find(({ name }) => name === 'login')).toEqual({
      name: 'login',
      limit: 10,
      windowMs: 900_000,
      algorithm: 'sliding-window',
      mode: 'enforce',
      changed: true,
    });
  });

  it('is taken back by unset', async () => {
    const { policies, service } = await start();
    await policies.set('api', '50/m');
    await policies.unset('api');
    expect((await service.peek('global', 'api')).policies).toMatchObject([{ limit: 3 }]);
    expect(policies.list().find(({ name }) => name === 'api')?.changed).toBe(false);
  });

  it('begins anew for every key when asked to', async () => {
    const { policies, service } = await start();
    await service.consume('global', 'api', { cost: 3 });
    await policies.set('api', '4/m', { carryOver: 'reset' });
    expect((await service.peek('global', 'api')).policies).toMatchObject([{ limit: 4, remaining: 4 }]);
    await service.consume('global', 'api', { cost: 4 });
    await policies.set('api', '4/m', { carryOver: 'reset' });
    expect((await service.peek('global', 'api')).policies).toMatchObject([{ remaining: 4 }]);
  });

  it.each(['fixed-window', 'sliding-window', 'token-bucket', 'sliding-log', 'strict-window'] as const)(
    'keeps the share that is used when asked to, by %s',
    async (algorithm) => {
      const { policies, service } = await start({ policies: { api: { rate: '10/h', algorithm } } });
      await service.consume('user:1', 'api', { cost: 8 });
      await policies.set('api', { rate: '20/h' }, { carryOver: 'proportional' });
      const left = async (key: string): Promise<unknown> => (await service.peek(key, 'api')).policies[0]?.remaining;
      expect(await left('user:1')).toBe(4);
      expect(await left('user:2')).toBe(20);
      await service.consume('user:1', 'api', { cost: 4 });
      expect((await service.consume('user:1', 'api')).kind).toBe('limited');
      await policies.set('api', { rate: '5/h' }, { carryOver: 'proportional' });
      expect(await left('user:1')).toBe(0);
      expect(await left('user:2')).toBe(5);
    },
  );

  it.each(['reset', 'proportional'] as const)('does not count slots in use anew (%s)', async (carryOver) => {
    const { policies, service } = await start({
      policies: { api: '3/m', jobs: { limit: 1, algorithm: 'concurrency' } },
    });
    const slot = await service.acquire('user:1', 'jobs');
    await expect(policies.set('jobs', { limit: 2 }, { carryOver })).rejects.toThrow('leave carryOver out');
    await policies.set('jobs', { limit: 2 });
    const other = await service.acquire('user:1', 'jobs');
    await expect(service.acquire('user:1', 'jobs')).rejects.toThrow('Too Many Requests');
    await Promise.all([slot.release(), other.release()]);
  });

  it('is one event, with who and why', async () => {
    const { policies, changes } = await start();
    await policies.set('api', '5/m', { by: 'ops', reason: 'launch' });
    await policies.set('api', '5/m');
    await policies.unset('api', { by: 'ops' });
    expect(changes).toEqual([
      { kind: 'policy-change', change: 'set', policy: 'api', by: 'ops', reason: 'launch', at: expect.any(Number) },
      { kind: 'policy-change', change: 'unset', policy: 'api', by: 'ops', at: expect.any(Number) },
    ]);
  });

  it.each<[string, (policies: RateLimitPolicies) => Promise<void>, string]>([
    ['an unknown name', (policies) => policies.set('apy', '5/m'), "'apy'"],
    ['a name found by the request', (policies) => policies.set('found', '5/m'), "'found'"],
    ['a rate that is wrong', (policies) => policies.set('api', '5 per minute'), "'5/15m'"],
    ['an algorithm that is wrong', (policies) => policies.set('api', { algorithm: 'leaky' as never }), 'algorithm'],
    ['a function', (policies) => policies.set('api', { skipIf: () => true }), 'plain data'],
    ['a name of its own', (policies) => policies.set('api', { name: 'other', rate: '1/m' }), 'plain data'],
    [
      'a carry-over that is wrong',
      (policies) => policies.set('api', '5/m', { carryOver: 'half' as never }),
      'carryOver',
    ],
    ['a pattern that is wrong', (policies) => policies.override('api', 'user:*x', '5/m'), "'*'"],
    ['a target that is wrong', (policies) => policies.override('api', 'user:1', 'unlimted'), 'unlimted'],
    ['a time that is wrong', (policies) => policies.override('api', 'user:1', '5/m', { until: 'soon' }), 'ISO 8601'],
    ['an unknown name in shadow', (policies) => policies.shadow(true, ['apy']), "'apy'"],
  ])('changes nothing with %s, and says what to do', async (_what, change, told) => {
    const { policies, changes } = await start();
    const before = policies.list();
    const failed = await change(policies).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(RateLimitConfigurationError);
    expect((failed as Error).message).toContain(told);
    expect(policies.list()).toEqual(before);
    expect(policies.overrides()).toEqual([]);
    expect(changes).toEqual([]);
  });
});

describe('the shadow switch', () => {
  it('keeps every policy from refusing, those of decorators too, and lets them again', async () => {
    const { policies, guard, changes } = await start();
    await policies.shadow(true);
    for (let count = 0; count < 5; count += 1) {
      expect(await guard.canActivate(call('all'))).toBe(true);
      expect(await guard.canActivate(call('one'))).toBe(true);
    }
    await policies.shadow(false);
    await expect(async () => guard.canActivate(call('all'))).rejects.toThrow('Too Many Requests');
    await expect(async () => guard.canActivate(call('one'))).rejects.toThrow('Too Many Requests');
    expect(changes.map(({ change, policy }) => `${change} ${policy}`)).toEqual([
      'shadow api',
      'shadow login',
      'shadow api',
      'shadow login',
    ]);
  });

  it('can be for some policies alone', async () => {
    const { policies } = await start();
    await policies.shadow(true, ['login']);
    expect(policies.list().map(({ name, mode }) => [name, mode])).toEqual([
      ['api', 'enforce'],
      ['login', 'shadow'],
    ]);
    await policies.shadow(true);
    await policies.shadow(false, ['login']);
    expect(policies.list().map(({ mode }) => mode)).toEqual(['shadow', 'enforce']);
  });
});

describe('an override', () => {
  it('gives a key another quota, in its own counter', async () => {
    const { policies, service } = await start();
    await service.consume('user:42', 'api', { cost: 3 });
    await policies.override('api', 'user:42', '10/m');
    expect((await service.consume('user:42', 'api')).policies).toMatchObject([
      { name: 'api', limit: 10, remaining: 6 },
    ]);
    expect((await service.consume('user:43', 'api')).policies).toMatchObject([{ limit: 3, remaining: 2 }]);
    await policies.removeOverride('api', 'user:42');
    expect((await service.consume('user:42', 'api')).kind).toBe('limited');
  });

  it('lifts a limit, and blocks', async () => {
    const { policies, service } = await start();
    await policies.override('api', 'user:bot-*', 'blocked', { reason: 'scraping' });
    await policies.override('api', 'user:bot-good', 'unlimited');
    for (let count = 0; count < 9; count += 1) {
      expect(await service.consume('user:bot-good', 'api')).toMatchObject({ kind: 'unenforced', reason: 'skipped' });
    }
    expect(await service.consume('user:bot-7', 'api')).toMatchObject({
      kind: 'limited',
      retryAfterMs: null,
      policies: [{ name: 'api', allowed: false, remaining: 0 }],
    });
    expect((await service.consume('user:7', 'api')).kind).toBe('allowed');
    expect(policies.overrides()).toEqual([
      { policy: 'api', key: 'user:bot-*', to: 'blocked', reason: 'scraping' },
      { policy: 'api', key: 'user:bot-good', to: 'unlimited' },
    ]);
  });

  it('tells a blocked key when its time is over', async () => {
    const { policies, service } = await start();
    await policies.override('api', 'user:7', 'blocked', { until: Date.now() + 60_000 });
    const decision = await service.consume('user:7', 'api');
    expect(decision).toMatchObject({ kind: 'limited' });
    const { retryAfterMs } = decision as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it('ends by itself', async () => {
    const { policies, service } = await start();
    await policies.override('api', 'user:7', 'blocked', { until: new Date(Date.now() - 1) });
    expect((await service.consume('user:7', 'api')).kind).toBe('allowed');
    expect(policies.overrides()).toEqual([]);
  });

  it('holds on routes, for the key that the guard reads', async () => {
    const { policies, guard } = await start();
    await policies.override('api', 'global', 'blocked');
    await expect(async () => guard.canActivate(call('all'))).rejects.toThrow('Too Many Requests');
    await policies.override('api', 'global', 'unlimited');
    for (let count = 0; count < 9; count += 1) expect(await guard.canActivate(call('all'))).toBe(true);
  });
});
