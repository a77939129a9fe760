import { Test, type TestingModule } from '@nestjs/testing';
import { redisBackend, type RedisBackendOptions } from '../../../lib/backends/redis/redis.backend.js';
import { BackendService, RateLimitEvents, RateLimitModule, RateLimitPolicies } from '../../../lib/index.js';
import { RedisServer } from '../../support/redis-server.js';

const policies = {
  hourly: '2/h',
  burst: { rate: '2/h', name: 'burst', blockFor: '1h' },
  watched: { rate: '2/h', mode: 'shadow' },
} as const;

let redis: RedisServer;
let app: TestingModule;
let service: BackendService;

async function start(options: Pick<RedisBackendOptions, 'refusalCache'> = {}): Promise<void> {
  const backend = redisBackend({ url: redis.url, ...options });
  app = await Test.createTestingModule({
    imports: [RateLimitModule.forRoot({ backend, policies, timeout: '10s' })],
  }).compile();
  await app.init();
  service = app.get(BackendService);
}

beforeAll(async () => (redis = await RedisServer.start()));
afterAll(() => redis.stop());
beforeEach(async () => {
  await redis.exec('FLUSHALL');
  await start();
});
afterEach(() => app.close());

const calls = async (): Promise<number> => {
  const { evalsha = 0, eval: byText = 0 } = await redis.commandStats();
  return evalsha + byText;
};

async function exhaust(key: string, policy: keyof typeof policies = 'hourly'): Promise<void> {
  for (let call = 0; call < 2; call += 1) expect((await service.consume(key, policy)).allowed).toBe(true);
  expect(await service.consume(key, policy)).toMatchObject({ kind: 'limited', source: 'primary' });
}

it('answers a refused call without asking Redis, and says so', async () => {
  await exhaust('k');
  const before = await calls();
  const first = await service.consume('k', 'hourly');
  expect(first).toMatchObject({ kind: 'limited', source: 'cache', backend: 'redis', policies: [{ remaining: 0 }] });
  for (let call = 0; call < 50; call += 1) await service.consume('k', 'hourly');
  expect(await calls()).toBe(before);
  expect(await service.peek('k', 'hourly')).toMatchObject({ kind: 'allowed', source: 'primary' });
  expect(await service.consume('k', 'hourly', { cost: 0 })).toMatchObject({ kind: 'allowed', source: 'primary' });
});

it('tells observers', async () => {
  await exhaust('k');
  const heard: unknown[] = [];
  app.get(RateLimitEvents).on((event) => heard.push(event));
  await service.consume('k', 'hourly');
  expect(heard).toEqual([
    expect.objectContaining({ kind: 'decision', decision: expect.objectContaining({ source: 'cache' }) }),
  ]);
});

it('can be switched off', async () => {
  await app.close();
  await start({ refusalCache: false });
  await exhaust('k');
  expect(await service.consume('k', 'hourly')).toMatchObject({ kind: 'limited', source: 'primary' });
});

it('answers while Redis is away, also through an open circuit; what it does not know fails', async () => {
  await exhaust('k');
  await redis.kill();
  try {
    for (let call = 0; call < 10; call += 1) {
      await expect(service.consume('unknown', 'hourly')).rejects.toThrow('unavailable');
    }
    expect(service.status().backends[0]?.breaker?.state).toBe('open');
    expect(await service.consume('k', 'hourly')).toMatchObject({ kind: 'limited', source: 'cache' });
  } finally {
    await redis.restart();
  }
});

it.each<[string, () => Promise<unknown>]>([
  ['a reset', () => service.reset('k', 'hourly')],
  ['a refund', () => service.refund('k', 'hourly')],
  ['a raised limit', () => app.get(RateLimitPolicies).set('hourly', '9/h')],
  ['an override', () => app.get(RateLimitPolicies).override('hourly', 'k', '9/h')],
])('lets the next call pass after %s', async (_what, change) => {
  await exhaust('k');
  expect(await service.consume('k', 'hourly')).toMatchObject({ source: 'cache' });
  await change();
  expect(await service.consume('k', 'hourly')).toMatchObject({ kind: 'allowed', source: 'primary' });
});

it('lets the next call pass after a lease was released or lowered', async () => {
  await service.consume('k', 'hourly');
  const lease = await service.acquire('k', 'hourly');
  await expect(service.acquire('k', 'hourly')).rejects.toThrow('Too Many');
  expect(await service.consume('k', 'hourly')).toMatchObject({ source: 'cache' });
  await lease.adjust(-1);
  expect(await service.consume('k', 'hourly')).toMatchObject({ kind: 'allowed' });
  await service.reset('k', 'hourly');
  await service.consume('k', 'hourly');
  const other = await service.acquire('k', 'hourly');
  await service.consume('k', 'hourly');
  expect(await service.consume('k', 'hourly')).toMatchObject({ source: 'cache' });
  await other.release();
  expect(await service.consume('k', 'hourly')).toMatchObject({ kind: 'allowed' });
});

it('goes by the cost, and asks for calls that a shadow policy counts', async () => {
  await service.consume('k', 'hourly');
  expect(await service.consume('k', 'hourly', { cost: 2 })).toMatchObject({ kind: 'limited', source: 'primary' });
  expect(await service.consume('k', 'hourly', { cost: 2 })).toMatchObject({ kind: 'limited', source: 'cache' });
  expect(await service.consume('k', 'hourly', { cost: 1 })).toMatchObject({ kind: 'allowed', source: 'primary' });
  for (let call = 0; call < 3; call += 1) {
    expect(await service.consume('k', ['hourly', 'watched'])).toMatchObject({ kind: 'limited', source: 'primary' });
  }
});

it('remembers a block', async () => {
  await exhaust('k', 'burst');
  const decision = await service.consume('k', 'burst');
  expect(decision).toMatchObject({ source: 'cache', policies: [{ allowed: false, remaining: 0 }] });
  expect(decision.policies[0]!.retryAfterMs).toBeGreaterThan(3_500_000);
});
