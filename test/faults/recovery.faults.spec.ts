import { setTimeout as delay } from 'node:timers/promises';
import { failoverBackend, memoryBackend } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { platforms } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { FaultyApp, LIMIT, type Answer } from './faulty-app.js';
import { statusesOf } from './measurements.js';

/** One that a test does not wait for. */
const HOUR = { recoveryTimeout: '1h', jitter: 0 };

describe.each(platforms)('while Redis comes and goes, on %s', (platform) => {
  it('a server hears nothing at all while the circuit is open, and a reset brings it back at once', async () => {
    await using redis = await RedisServer.start();
    const name = `full-${platform}`;
    await using app = await FaultyApp.start(platform, name, {
      backend: redisBackend({ url: redis.url, name }),
      circuitBreaker: HOUR,
    });
    await app.untilPrimary();
    await redis.exec('CONFIG', 'SET', 'maxmemory', '1');
    while (app.circuit !== 'open') await app.ask('someone');
    const rejected = await rejectedCalls(redis);
    const answers = await app.askTimes(50, 'someone');
    expect(statusesOf(answers)).toBe('503');
    expect(answers.every(({ retryAfter }) => Number(retryAfter) > 3_500)).toBe(true);
    expect(await rejectedCalls(redis)).toBe(rejected);
    await redis.exec('CONFIG', 'SET', 'maxmemory', '0');
    expect((await app.ask('someone')).status).toBe(503);
    app.service.resetCircuitBreaker();
    expect(await app.ask('someone')).toMatchObject({ status: 200, body: { source: 'primary' } });
  });

  it('not a byte goes to a server that does not answer, once the circuit is open', async () => {
    await using redis = await RedisServer.start();
    await using proxy = await TcpProxy.start({ target: redis });
    const name = `stalled-${platform}`;
    await using app = await FaultyApp.start(platform, name, {
      backend: redisBackend({ url: proxy.url, name }),
      circuitBreaker: HOUR,
      timeout: 50,
    });
    await app.untilPrimary();
    await proxy.setMode('stall');
    while (app.circuit !== 'open') await app.ask('someone');
    const { bytesFromClients } = proxy;
    expect(statusesOf(await app.askTimes(50, 'someone'))).toBe('503');
    expect(proxy.bytesFromClients).toBe(bytesFromClients);
    await proxy.setMode('pass');
  });

  it.each([
    ['a Redis that was restarted', 'kill'],
    ['a way that was cut', 'reset'],
    ['a Redis that vanished and left its connections dead', 'blackhole'],
  ] as const)(
    '%s decides again once it is connected, however long the circuit was to stay open',
    async (_what, kind) => {
      await using redis = await RedisServer.start();
      await using proxy = await TcpProxy.start({ target: redis });
      const name = `reconnected-${kind}-${platform}`;
      const connection = { host: proxy.host, port: proxy.port, socketTimeout: 500 };
      await using app = await FaultyApp.start(platform, name, {
        backend: redisBackend({ connection, name }),
        circuitBreaker: HOUR,
      });
      await app.untilPrimary();
      await (kind === 'kill' ? redis.kill() : proxy.setMode(kind));
      while (app.circuit !== 'open') await app.ask('someone');
      await app.askTimes(20, 'someone');
      await (kind === 'kill' ? redis.restart() : proxy.setMode('pass'));
      await app.untilPrimary();
      expect(app.circuit).toBe('closed');
    },
  );

  it('no probe is wasted while there is no connection, however short the open periods', async () => {
    await using redis = await RedisServer.start();
    const name = `patient-${platform}`;
    await using app = await FaultyApp.start(platform, name, {
      backend: redisBackend({ url: redis.url, name }),
      circuitBreaker: { recoveryTimeout: 1, backoffMultiplier: 1 },
    });
    await app.untilPrimary();
    await redis.kill();
    while (app.circuit !== 'open') await app.ask('someone');
    const failures = app.count('backend-failure');
    expect(statusesOf(await app.askTimes(100, 'someone'))).toBe('503');
    expect(app.count('half-open')).toBe(0);
    expect(app.count('backend-failure')).toBe(failures);
    await redis.restart();
    await app.untilPrimary();
  });

  it("a reset brings a failover's first member back at once", async () => {
    await using redis = await RedisServer.start();
    const name = `first-${platform}`;
    await using app = await FaultyApp.start(platform, name, {
      backend: failoverBackend([redisBackend({ url: redis.url, name }), memoryBackend()]),
      circuitBreaker: HOUR,
    });
    await app.untilPrimary();
    await redis.exec('CONFIG', 'SET', 'maxmemory', '1');
    while (app.circuit !== 'open') await app.ask('someone');
    await redis.exec('CONFIG', 'SET', 'maxmemory', '0');
    expect((await app.ask('someone')).body).toMatchObject({ source: 'fallback', backend: 'memory' });
    app.service.resetCircuitBreaker();
    expect((await app.ask('someone')).body).toMatchObject({ source: 'primary', backend: name });
  });

  it.each([
    ['closed', 1],
    ['failover', 2],
  ] as const)(
    'a crowd never passes more than the limit of each place that counts, whatever Redis does: %s',
    async (kind, places) => {
      await using redis = await RedisServer.start();
      const name = `${kind}-crowded-${platform}`;
      const primary = redisBackend({ url: redis.url, name });
      await using app = await FaultyApp.start(platform, name, {
        backend: kind === 'closed' ? primary : failoverBackend([primary, memoryBackend()], { failbackInterval: 10 }),
        circuitBreaker: { recoveryTimeout: 50, backoffMultiplier: 1 },
        timeout: 50,
      });
      await app.untilPrimary();
      const answers: Answer[] = [];
      for (let wave = 0; wave < 12; wave += 1) {
        const crowd = Array.from({ length: 5 }, () => app.ask('crowd'));
        if (wave % 3 === 1) redis.freeze();
        answers.push(...(await Promise.all(crowd)));
        redis.thaw();
        await delay(60);
      }
      expect(statusesOf(answers)).toContain('429');
      const passed = answers.filter(({ status }) => status === 200).length;
      expect(passed).toBeGreaterThan(0);
      expect(passed).toBeLessThanOrEqual(places * LIMIT);
    },
  );

  it('health checks alone find out that it is back', async () => {
    await using redis = await RedisServer.start();
    const name = `idle-${platform}`;
    await using app = await FaultyApp.start(platform, name, {
      backend: redisBackend({ url: redis.url, name }),
      circuitBreaker: { recoveryTimeout: 200, backoffMultiplier: 1, jitter: 0 },
    });
    await app.untilPrimary();
    await redis.exec('CONFIG', 'SET', 'maxmemory', '1');
    const words = [];
    while (words.at(-1) !== 'error') words.push((await app.health())[1]);
    await redis.exec('CONFIG', 'SET', 'maxmemory', '0');
    while (words.at(-1) !== 'ok') words.push((await app.health())[1]);
    expect(app.circuit).toBe('closed');
  });
});

/** Calls of the limiter that the server refused. */
async function rejectedCalls(redis: RedisServer): Promise<number> {
  const stats = String(await redis.exec('INFO', 'commandstats'));
  return Number(/^cmdstat_evalsha:.*rejected_calls=(\d+)/m.exec(stats)?.[1] ?? 0);
}
