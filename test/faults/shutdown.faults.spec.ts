import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { Redis } from 'ioredis';
import { BackendService, failoverBackend, memoryBackend, RateLimitModule } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { eventually } from '../support/eventually.js';
import { platforms, startHttpApp } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { RunningClock } from '../support/running-clock.js';
import { expectNoUnhandled } from '../support/unhandled.js';
import { FaultyApp, LIMIT } from './faulty-app.js';

/** Does something while the application shuts down and still serves, as a load balancer's grace period has it. */
@Injectable()
class Draining implements BeforeApplicationShutdown {
  work: () => Promise<void> = async () => undefined;

  async beforeApplicationShutdown(): Promise<void> {
    await this.work();
  }
}

/** Connections to a server but for the fixture's own. */
const clientsOf = async (redis: RedisServer): Promise<number> =>
  String(await redis.exec('CLIENT', 'LIST', 'TYPE', 'NORMAL'))
    .trim()
    .split('\n').length - 1;

describe.each(platforms)('an application that shuts down, on %s', (platform) => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await RedisServer.start();
  });

  afterAll(() => redis.stop());

  it('limits the requests that it still serves, and closes its own connections after them', async () => {
    const name = `draining-${platform}`;
    const draining = new Draining();
    const app = await FaultyApp.start(platform, name, { backend: redisBackend({ url: redis.url, name }) }, [
      { provide: Draining, useValue: draining },
    ]);
    await app.untilPrimary();
    expect(await clientsOf(redis)).toBe(1);
    const statuses: number[] = [];
    draining.work = async () => {
      for (const { status, body } of await app.askTimes(LIMIT + 1, 'late')) {
        statuses.push(status);
        if (status === 200) expect(body).toMatchObject({ source: 'primary', backend: name });
      }
      expect(await clientsOf(redis)).toBe(1);
    };
    await expectNoUnhandled(() => app.close());
    expect(statuses).toEqual([...Array<number>(LIMIT).fill(200), 429]);
    await eventually(async () => (await clientsOf(redis)) === 0, { what: 'its connection is closed' });
  });

  it("leaves the application's own client open", async () => {
    const client = new Redis(redis.port, redis.host);
    const name = `guest-${platform}`;
    const app = await FaultyApp.start(platform, name, { backend: redisBackend({ client, name }) });
    await app.untilPrimary();
    await app.close();
    expect(await client.ping()).toBe('PONG');
    client.disconnect();
    await eventually(async () => (await clientsOf(redis)) === 0, { what: 'the client is gone' });
  });

  it.each(['crashed', 'frozen'])('ends soon while Redis is %s, alone and in a failover', async (state) => {
    await using broken = await RedisServer.start();
    const backends = ['alone', 'member'].map((name) => redisBackend({ url: broken.url, name: `${name}-${platform}` }));
    const [alone, member] = backends as [(typeof backends)[0], (typeof backends)[0]];
    await expectNoUnhandled(async () => {
      const apps = [
        await startHttpApp(platform, { imports: [RateLimitModule.forRoot({ backend: alone })] }),
        await startHttpApp(platform, {
          imports: [RateLimitModule.forRoot({ backend: failoverBackend([member, memoryBackend()]) })],
        }),
      ];
      for (const { app } of apps) {
        await eventually(async () => (await app.get(BackendService).health()).backends.every(({ healthy }) => healthy));
      }
      if (state === 'crashed') await broken.kill();
      else broken.freeze();
      using clock = new RunningClock();
      await Promise.all(apps.map((app) => app.close()));
      expect(clock.now()).toBeLessThan(5_000);
    });
  });
});
