import { setTimeout as after } from 'node:timers/promises';
import { ConsoleLogger, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendUnavailableError,
  RateLimitConfigurationError,
  RateLimitModule,
  RateLimitPolicies,
} from 'nestjs-floodgate';
import { redisPolicyStore } from 'nestjs-floodgate/redis';
import { spawnWorkers } from '../../support/child-process.js';
import { eventually } from '../../support/eventually.js';
import { RedisServer } from '../../support/redis-server.js';
import { type default as steered, windowOf } from './workers/steered.worker.js';

const PROCESSES = 4;
const LIMITS = [10, 25, 15, 40] as const;
const LAST = 99;
const BLOCK_MS = 2_000;
/** A change holds within a second. The rest is for a machine that is busy. */
const WAIT = { timeoutMs: 20_000 };

it('four processes under load take changes, each whole, and keep them while the store is away', async () => {
  await using redis = await RedisServer.start();
  // What is written must outlive the kill.
  await using store = await RedisServer.start({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  const app: INestApplicationContext = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        policyStore: redisPolicyStore({ url: store.url }),
        policies: { api: { limit: LIMITS[0], window: windowOf(LIMITS[0]) }, bots: '1000000/h' },
      }),
    ],
  })
    .setLogger(new ConsoleLogger({ logLevels: [] }))
    .compile();
  await app.init();
  const policies = app.get(RateLimitPolicies);
  const seen = new Map<number, number>();
  let outages = 0;
  const setAt: Record<number, number> = {};
  const set = async (limit: number): Promise<void> => {
    await policies.set('api', { limit, window: windowOf(limit) });
    setAt[limit] = Date.now();
  };
  const bySeen = (limit: number) =>
    eventually(() => seen.get(limit) === PROCESSES, { ...WAIT, what: `limit ${limit}` });

  const running = spawnWorkers<typeof steered>(
    PROCESSES,
    new URL('./workers/steered.worker.ts', import.meta.url),
    { backendUrl: redis.url, storeUrl: store.url, firstLimit: LIMITS[0], lastLimit: LAST },
    {
      onMessage: (message) => {
        const { limit, outage } = message as { readonly limit?: number; readonly outage?: true };
        if (limit !== undefined) seen.set(limit, (seen.get(limit) ?? 0) + 1);
        if (outage) outages += 1;
      },
    },
  );
  const steer = async (): Promise<number> => {
    await bySeen(LIMITS[0]);
    for (const limit of LIMITS.slice(1)) {
      await set(limit);
      await bySeen(limit);
    }
    const wrong = await policies.set('api', { limit: -1 }).catch((error: unknown) => error);
    expect(wrong).toBeInstanceOf(RateLimitConfigurationError);
    expect(String(wrong)).toMatch(/policies\.api\.limit.*-1.*whole number/s);

    const until = Date.now() + BLOCK_MS;
    await policies.override('bots', 'user:bot-*', 'blocked', { until });
    await after(BLOCK_MS + 500);

    await store.kill();
    await eventually(() => outages === PROCESSES, { ...WAIT, what: 'health tells of the outage' });
    await expect(policies.set('api', { limit: 7, window: windowOf(7) })).rejects.toThrow(BackendUnavailableError);
    await after(1_000);
    await store.restart();
    await eventually(() => set(LAST).then(() => true), WAIT);
    return until;
  };
  const [replies, until] = await Promise.all([running, steer()]);
  await app.close();

  for (const { torn, seenAt, bot, toldOutage } of replies) {
    expect(torn).toEqual([]);
    expect(toldOutage).toBe(true);
    // No other limit held at any time, while the store was away neither.
    expect(Object.keys(seenAt).map(Number)).toEqual([...LIMITS, LAST].sort((one, other) => one - other));
    expect(bot.firstRefusal).toBeGreaterThan(0);
    expect(bot.lastRefusal).toBeLessThanOrEqual(until);
    expect(bot.lastPass).toBeGreaterThan(until);
  }
  const delays = replies.flatMap(({ seenAt }) => LIMITS.slice(1).map((limit) => seenAt[limit]! - setAt[limit]!));
  expect(Math.max(...delays)).toBeLessThan(10_000);
  if (process.env['FIGURES'] !== undefined) {
    const decisions = replies.reduce((sum, one) => sum + one.decisions, 0);
    console.log(`${decisions} decisions; changes held everywhere after at most ${Math.max(...delays)} ms`, delays);
  }
});
