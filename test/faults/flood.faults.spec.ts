import { redisBackend } from 'nestjs-floodgate/redis';
import { spawnWorkers } from '../support/child-process.js';
import { platforms } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { expectNoUnhandled } from '../support/unhandled.js';
import { FaultyApp, type Answer } from './faulty-app.js';
import { headersOf, statusesOf } from './measurements.js';
import type deadBackend from './workers/dead-backend.worker.js';

const REQUESTS = 10_000;
const AT_ONCE = 50;
/** A tenth of what ten thousand leaked calls of a kilobyte would come to, and far more than a heap's own noise. */
const GROWTH_BYTES = 1_000_000;

const DEAD = new URL('./workers/dead-backend.worker.ts', import.meta.url);

describe('ten thousand requests in an outage', () => {
  let redis: RedisServer;

  beforeEach(async () => {
    redis = await RedisServer.start();
  });

  afterEach(() => redis.stop());

  it.each([
    ['express', 'closed', '503', 'Retry-After'],
    ['fastify', 'open', '200', 'none'],
  ] as const)('on %s, failure mode %s: each is answered %s', async (platform, failureMode, status, headers) => {
    expect(platforms).toContain(platform);
    const name = `flooded-${platform}`;
    await expectNoUnhandled(async () => {
      await using app = await FaultyApp.start(platform, name, {
        backend: redisBackend({ url: redis.url, name }),
        failureMode,
        circuitBreaker: { recoveryTimeout: 200, backoffMultiplier: 1 },
      });
      await app.untilPrimary();
      await redis.kill();
      const answers: Answer[] = [];
      for (let done = 0; done < REQUESTS; done += AT_ONCE) {
        answers.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => app.ask('crowd')))));
      }
      expect(statusesOf(answers)).toBe(status);
      expect(headersOf(answers)).toBe(headers);
      expect(app.count('backend-failure')).toBeLessThanOrEqual(AT_ONCE + app.count('half-open'));
      expect(app.logged('warn')).toHaveLength(1);
    });
  });

  it.each(['crashed', 'frozen'])('leave nothing in the heap while Redis is %s', async (state) => {
    if (state === 'crashed') await redis.kill();
    else redis.freeze();
    const inputs = [
      { failureMode: 'closed', ownClient: false },
      { failureMode: 'local', ownClient: false },
      { failureMode: 'open', ownClient: true },
    ] as const;
    const replies = await spawnWorkers<typeof deadBackend>(inputs.length, DEAD, (index) => ({
      ...inputs[index]!,
      port: redis.port,
      calls: REQUESTS,
    }));
    const calls = REQUESTS + REQUESTS / 5;
    expect(replies.map(({ outcomes }) => outcomes)).toEqual([
      { BACKEND_UNAVAILABLE: calls },
      { 'allowed local': calls },
      { 'unenforced none': calls },
    ]);
    for (const { grownBytes } of replies) expect(grownBytes).toBeLessThan(GROWTH_BYTES);
  });
});
