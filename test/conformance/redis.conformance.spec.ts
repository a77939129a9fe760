import { Redis } from 'ioredis';
import { redisBackend } from '../../lib/backends/redis/redis.backend.js';
import { describeConformance } from '../../lib/testing/conformance.js';
import { loadTimedScript, timedLimiter } from '../backends/redis/timed-limiter.js';
import { manualClock } from '../support/manual-clock.js';
import { RedisServer } from '../support/redis-server.js';

const clock = manualClock();
let server: RedisServer;
let client: Redis;

beforeAll(async () => {
  server = await RedisServer.start();
  client = new Redis(server.url);
  await loadTimedScript(client);
});

afterAll(async () => {
  client.disconnect();
  await server.stop();
});

const runner = { describe, it };

describeConformance(runner, { name: 'Redis by its own clock', create: () => redisBackend({ url: server.url }) });

describeConformance(runner, { name: 'Redis by a client of the application', create: () => redisBackend({ client }) });

describeConformance(runner, {
  name: "Redis's script on a set clock",
  clock,
  create: () => timedLimiter(client, clock, 'timed:').backend,
});
