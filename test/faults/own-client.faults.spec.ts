import { Redis } from 'ioredis';
import { redisBackend } from 'nestjs-floodgate/redis';
import { eventually } from '../support/eventually.js';
import { platforms } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { expectNoUnhandled } from '../support/unhandled.js';
import { FaultyApp, LIMIT } from './faulty-app.js';
import { latencies, median, statusesOf } from './measurements.js';
import { DEADLINE_MS, FAILURE_THRESHOLD, RECOVERY_MS } from './modes.js';

const NOISE_MS = 2_000;

/** What ioredis keeps of commands that were not answered, or not even sent. */
const piledUp = (client: Redis): number => {
  const { commandQueue, offlineQueue } = client as unknown as Record<string, { readonly length: number }>;
  return commandQueue!.length + offlineQueue!.length;
};

/** A client of the application with every default that hurts: commands wait for ever, and are sent again. */
function worstClient(port: number): Redis {
  const client = new Redis(port, '127.0.0.1', {
    enableOfflineQueue: true,
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: true,
    retryStrategy: () => 100,
  });
  client.on('error', () => undefined);
  return client;
}

describe.each(platforms)("with an application's own client, on %s", (platform) => {
  it.each([
    ['crashes', (redis: RedisServer) => redis.kill(), (redis: RedisServer) => redis.restart()],
    ['freezes', async (redis: RedisServer) => redis.freeze(), async (redis: RedisServer) => redis.thaw()],
  ])(
    'that queues for ever: when Redis %s, deadlines hold, nothing piles up, and it comes back',
    async (_fault, down, up) => {
      await using redis = await RedisServer.start();
      const client = worstClient(redis.port);
      const name = `own-${platform}-${redis.port}`;
      const backend = redisBackend({ client, name });
      await expectNoUnhandled(async () => {
        await using app = await FaultyApp.start(platform, name, {
          backend,
          circuitBreaker: { recoveryTimeout: RECOVERY_MS, backoffMultiplier: 1, jitter: 0 },
        });
        await app.untilPrimary();
        await down(redis);
        const answers = await app.askTimes(300, 'outage');
        expect(statusesOf(answers)).toBe('503');
        expect(Math.max(...latencies(answers))).toBeLessThan(DEADLINE_MS + NOISE_MS);
        expect(median(latencies(answers))).toBeLessThan(DEADLINE_MS);
        expect(piledUp(client)).toBeLessThanOrEqual(FAILURE_THRESHOLD + app.count('half-open') + 1);
        await up(redis);
        await app.untilPrimary();
        await eventually(() => piledUp(client) === 0, { what: 'nothing is queued' });
        const fresh = await app.askTimes(LIMIT + 1, 'fresh');
        expect(fresh.filter(({ status }) => status === 200)).toHaveLength(LIMIT);
      });
      expect(client.status).toBe('ready');
      expect(await client.ping()).toBe('PONG');
      client.disconnect();
    },
  );

  it('that has no server at all: the application starts, answers 503 at once, and queues nothing', async () => {
    await using redis = await RedisServer.start();
    await redis.kill();
    const client = worstClient(redis.port);
    const name = `own-${platform}-${redis.port}-late`;
    await expectNoUnhandled(async () => {
      await using app = await FaultyApp.start(platform, name, {
        backend: redisBackend({ client, name }),
        circuitBreaker: false,
      });
      const answers = await app.askTimes(100, 'outage');
      expect(statusesOf(answers)).toBe('503');
      expect(Math.max(...latencies(answers))).toBeLessThan(DEADLINE_MS + NOISE_MS);
      expect(piledUp(client)).toBe(0);
      await redis.restart();
      await app.untilPrimary();
    });
    client.disconnect();
  });
});
