import { Redis } from 'ioredis';
import { LIMITER, limiterCall } from '../../../lib/backends/redis/limiter.script.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { RedisServer } from '../../support/redis-server.js';

const CHARGES = [2, 1].map((limit) => ({
  key: 'someone',
  policy: testPolicy({ name: `of-${limit}`, algorithm: 'fixed-window', limit, windowMs: 60_000 }),
  cost: 2,
}));

/** What makes the script begin again although nothing has changed. */
const MISTAKES = [
  ['a refusal that is forgotten', 'allowed, again = false, index > first', 'again = index > first'],
  ['a run that does not become shorter', 'calls, again = max(0, floor(left / each)), true', 'again = true'],
] as const;

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await RedisServer.start();
  client = new Redis(server.url);
});
afterAll(async () => {
  await client.quit();
  await server.stop();
});

it.each(MISTAKES)('a script with %s ends with an error and charges nothing', async (_mistake, right, wrong) => {
  expect(LIMITER.text).toContain(right);
  const isRun = right.startsWith('calls');
  const verb = isRun ? ({ kind: 'run', count: 3 } as const) : ({ kind: 'consume', overdraw: false } as const);
  const { keys, parameters } = limiterCall('floodgate', verb, CHARGES, Date.now);
  const call = client.eval(LIMITER.text.replace(right, wrong), keys.length, ...keys, ...parameters);
  await expect(call).rejects.toThrow(/^ENDLESS/);
  expect(await client.dbsize()).toBe(0);
});
