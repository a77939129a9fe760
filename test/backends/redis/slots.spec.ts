import { type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { BackendService, type PolicyOptions, RateLimitModule } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { spawnWorkers } from '../../support/child-process.js';
import { RedisServer } from '../../support/redis-server.js';
import { RunningClock } from '../../support/running-clock.js';
import type holdSlots from './workers/hold-slots.worker.js';

const WORKER = new URL('./workers/hold-slots.worker.ts', import.meta.url);
const LIMIT = 10;
/** Holds of each of 400 callers. `npm run prove:slots` makes more. */
const TIMES = process.env['ENDS'] === undefined ? 5 : 100;

let redis: RedisServer;
let app: INestApplicationContext;

beforeAll(async () => {
  redis = await RedisServer.start();
  app = await Test.createTestingModule({
    imports: [RateLimitModule.forRoot({ backend: redisBackend({ url: redis.url }), timeout: '10s' })],
  }).compile();
  await app.init();
});

afterAll(async () => {
  await app.close();
  await redis.stop();
});

const freeOf = async (policy: PolicyOptions): Promise<number> =>
  (await app.get(BackendService).peek('global', policy)).policies[0]!.remaining;

it('four processes of 100 callers each never hold more than a limit of 10', async () => {
  const policy: PolicyOptions = {
    name: 'jobs',
    limit: LIMIT,
    algorithm: 'concurrency',
    leaseTime: '10m',
    queue: { size: 100, maxWait: '10m' },
  };
  const startedMs = performance.now();
  const most = await spawnWorkers<typeof holdSlots>(
    4,
    WORKER,
    { url: redis.url, policy, callers: 100, times: TIMES },
    { timeoutMs: 600_000 },
  );
  expect(Math.max(...most)).toBeLessThanOrEqual(LIMIT);
  // All were in use at one time, or the limit was not tried.
  expect(Math.max(...most)).toBeGreaterThan(LIMIT / 2);
  expect(await freeOf(policy)).toBe(LIMIT);
  if (TIMES > 5) {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    console.log(`${400 * TIMES} holds by 400 callers in ${seconds} s, the most at one time: ${Math.max(...most)}`);
  }
}, 620_000);

it('frees the slots of a process that is killed when their leases are over, and not before', async () => {
  const leaseMs = 4_000;
  const policy: PolicyOptions = {
    name: 'killed',
    limit: 3,
    algorithm: 'concurrency',
    leaseTime: leaseMs,
    queue: { size: 9, maxWait: '20s' },
  };
  const input = { url: redis.url, policy, callers: 3, times: 1, dies: true };
  await expect(spawnWorkers<typeof holdSlots>(1, WORKER, input)).rejects.toThrow('SIGKILL');
  const diedMs = performance.now();
  using clock = new RunningClock();
  expect(await freeOf(policy)).toBe(0);
  const leases = await Promise.all([1, 2, 3].map(() => app.get(BackendService).acquire('global', policy)));
  const waitedMs = performance.now() - diedMs;
  expect(waitedMs).toBeGreaterThan(leaseMs / 4);
  // A waiter asks every 250 ms; the rest is for a machine that is busy.
  expect(clock.now()).toBeLessThan(leaseMs + 5_000);
  await Promise.all(leases.map((lease) => lease.release()));
  expect(await freeOf(policy)).toBe(3);
});
