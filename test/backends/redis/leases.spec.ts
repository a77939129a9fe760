import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { BackendService, BackendUnavailableError, RateLimitModule, RateLimitPolicies } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { spawnWorkers } from '../../support/child-process.js';
import { RedisCluster } from '../../support/redis-cluster.js';
import { RedisServer } from '../../support/redis-server.js';
import type { default as leased, LeasedInput } from './workers/leased.worker.js';

const WORKER = new URL('./workers/leased.worker.ts', import.meta.url);
const run = (count: number, input: LeasedInput): Promise<number[]> => spawnWorkers<typeof leased>(count, WORKER, input);
const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

const opened: INestApplicationContext[] = [];
afterEach(async () => {
  for (const app of opened.splice(0)) await app.close();
});

async function start(redis: RedisServer, lease: true | { readonly size: number } = { size: 20 }) {
  const app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        backend: redisBackend({ url: redis.url }),
        timeout: '10s',
        policies: { global: { limit: 150, window: '366d', algorithm: 'fixed-window', lease } },
      }),
    ],
  }).compile();
  opened.push(app);
  const service = app.get(BackendService);
  const takeAll = async (): Promise<number> => {
    let admitted = 0;
    while ((await service.consume('everybody', 'global')).allowed) admitted += 1;
    return admitted;
  };
  return { app, service, policies: app.get(RateLimitPolicies), takeAll };
}

describe.each<[string, LeasedInput['lease'], number]>([
  ['of 20, calls at once', { size: 20 }, 100],
  ['of 20, one call after another', { size: 20 }, 1],
  ['of a size that follows the traffic', true, 10],
])('leases %s', (_what, lease, atOnce) => {
  it('four processes never admit more than the limit, and what they give back is for who comes next', async () => {
    await using redis = await RedisServer.start();
    const admitted = sum(await run(4, { nodes: [redis], calls: 100, atOnce, lease }));
    expect(admitted).toBeLessThanOrEqual(150);
    // What a process holds while others are refused is 19 at most.
    expect(admitted).toBeGreaterThanOrEqual(150 - 3 * 19);
    const { takeAll } = await start(redis);
    expect(await takeAll()).toBe(150 - admitted);
  });
});

it('on a Cluster, four processes never admit more than the limit', async () => {
  await using cluster = await RedisCluster.start();
  const nodes = cluster.nodes.map(({ host, port }) => ({ host, port }));
  const admitted = sum(await run(4, { nodes, calls: 100, atOnce: 5, lease: { size: 20 } }));
  expect(admitted).toBeLessThanOrEqual(150);
  expect(admitted + sum(await run(1, { nodes, calls: 150, atOnce: 1, lease: { size: 20 } }))).toBe(150);
});

it('a process that is killed loses at most what it debited at a time', async () => {
  await using redis = await RedisServer.start();
  const input: LeasedInput = { nodes: [redis], calls: 25, atOnce: 1, lease: { size: 20 }, end: 'killed' };
  const told: unknown[] = [];
  await expect(
    spawnWorkers<typeof leased>(1, WORKER, input, { onMessage: (message) => told.push(message) }),
  ).rejects.toThrow('SIGKILL');
  expect(told).toEqual([25]);
  const { takeAll } = await start(redis);
  expect(await takeAll()).toBe(150 - 40);
});

it('a reset, a refund and a change take effect at once in their process', async () => {
  await using redis = await RedisServer.start();
  const { service, policies, takeAll } = await start(redis);
  await service.consume('everybody', 'global');
  await service.reset('everybody', 'global');
  expect(await takeAll()).toBe(150);
  await service.refund('everybody', 'global', 7);
  expect(await takeAll()).toBe(7);
  await service.refund('everybody', 'global', 1_000);
  expect(await takeAll()).toBe(150);
  await service.refund('everybody', 'global', 100);
  await policies.set('global', { limit: 80 });
  expect(await takeAll()).toBe(30);
  await policies.set('global', { lease: false });
  await service.refund('everybody', 'global', 5);
  expect((await service.consume('everybody', 'global')).source).toBe('primary');
});

it('an estimate is corrected by what is held, and charged into debt beyond it', async () => {
  await using redis = await RedisServer.start();
  const { service, takeAll } = await start(redis);
  await service.consume('everybody', 'global');
  const estimate = await service.acquire('everybody', 'global', { cost: 10 });
  expect(estimate.decision).toMatchObject({ source: 'cache', policies: [{ remaining: 139 }] });
  await estimate.adjust(-6);
  expect(await service.peek('everybody', 'global')).toMatchObject({ policies: [{ remaining: 145 }] });
  await estimate.adjust(40);
  expect(await service.peek('everybody', 'global')).toMatchObject({ policies: [{ remaining: 105 }] });
  await estimate.release();
  expect(await takeAll()).toBe(149);
});

it('what is held is handed out while the server is away, for a second', async () => {
  await using redis = await RedisServer.start();
  const { service } = await start(redis);
  await service.consume('everybody', 'global');
  await redis.kill();
  const first = await service.consume('everybody', 'global');
  expect(first).toMatchObject({ kind: 'allowed', source: 'cache', backend: 'redis' });
  let handedOut = 1;
  const failure = await (async () => {
    for (;;) {
      try {
        const { source } = await service.consume('everybody', 'global');
        expect(source).toBe('cache');
        handedOut += 1;
      } catch (error) {
        return error;
      }
    }
  })();
  expect(failure).toBeInstanceOf(BackendUnavailableError);
  expect(handedOut).toBeLessThanOrEqual(19);
});
