import { memoryBackend, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { platforms } from '../support/http-app.js';
import { manualClock } from '../support/manual-clock.js';
import { RedisServer } from '../support/redis-server.js';
import { FaultyApp, LIMIT, type Answer } from './faulty-app.js';
import { statusesOf } from './measurements.js';

const admitted = (answers: readonly Answer[]): number => answers.filter(({ status }) => status === 200).length;

let names = 0;
const uniqueName = (): string => `steady-${(names += 1)}`;

describe.each(platforms)('what is no outage, on %s', (platform) => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await RedisServer.start();
  });

  afterAll(() => redis.stop());

  const start = (options: RateLimitModuleOptions = {}): Promise<FaultyApp> => {
    const name = uniqueName();
    const backend = options.backend ?? redisBackend({ url: redis.url, name });
    return FaultyApp.start(platform, name, { ...options, backend });
  };

  it('SCRIPT FLUSH: nobody notices, and nobody is admitted twice', async () => {
    await using app = await start();
    await app.ask('first');
    const calls = Array.from({ length: 3 * LIMIT }, () => app.ask('crowd'));
    const flushes = Array.from({ length: 5 }, () => redis.exec('SCRIPT', 'FLUSH'));
    const answers = await Promise.all(calls);
    await Promise.all(flushes);
    expect(statusesOf(answers)).toBe('200, 429');
    expect(admitted(answers)).toBe(LIMIT);
    await redis.exec('SCRIPT', 'FLUSH');
    expect((await app.ask('crowd')).status).toBe(429);
    expect(app.count('backend-failure')).toBe(0);
  });

  it.each(['closed', 'open', 'local'] as const)(
    'a key that holds something else (WRONGTYPE): 500 for that key alone, never masked by mode %s',
    async (failureMode) => {
      await using app = await start({ failureMode });
      await redis.exec('FLUSHALL');
      await app.ask('victim');
      const [key] = await redis.keys();
      await redis.exec('DEL', key!);
      await redis.exec('LPUSH', key!, 'a list');
      const answers = await app.askTimes(10, 'victim');
      expect(statusesOf(answers)).toBe('500');
      expect(answers.every(({ rateLimit, retryAfter }) => rateLimit === null && retryAfter === null)).toBe(true);
      expect((await app.ask('another')).status).toBe(200);
      expect(app.circuit).toBe('closed');
      expect(app.count('backend-failure')).toBe(0);
    },
  );

  it('eviction: the key finds a fresh quota, and nothing else happens', async () => {
    await using small = await RedisServer.start({ config: ['maxmemory-policy allkeys-lru'] });
    const backend = redisBackend({ url: small.url, name: 'small', refusalCache: false });
    await using app = await start({ backend, failureMode: 'closed' });
    expect(admitted(await app.askTimes(LIMIT + 1, 'victim'))).toBe(LIMIT);
    await small.exec('CONFIG', 'SET', 'maxmemory', '3mb');
    for (let filler = 0; (await small.keys()).some((key) => key.includes('victim')) && filler < 200; filler += 1) {
      await small.exec('SET', `filler ${filler}`, 'x'.repeat(100_000));
    }
    const answers = await app.askTimes(LIMIT + 1, 'victim');
    expect(statusesOf(answers)).toBe('200, 429');
    expect(admitted(answers)).toBe(LIMIT);
    expect(app.count('backend-failure')).toBe(0);
  });

  it('a clock that steps back mints no quota, and one that leaps forward gives what that time gives', async () => {
    const clock = manualClock();
    await using app = await start({ backend: memoryBackend({ clock, name: uniqueName() }) });
    expect(admitted(await app.askTimes(LIMIT + 1, 'someone'))).toBe(LIMIT);
    clock.advance(-86_400_000);
    const stepped = await app.ask('someone');
    expect(stepped).toMatchObject({ status: 429 });
    expect(Number(stepped.retryAfter)).toBeGreaterThan(0);
    clock.advance(20 * 86_400_000);
    expect(admitted(await app.askTimes(LIMIT + 1, 'someone'))).toBe(LIMIT);
  });
});
