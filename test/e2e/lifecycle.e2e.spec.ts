import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BackendService, memoryBackend, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { startHttpApp } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';

@Controller()
class Shop {
  @RateLimit('2/m')
  @Get('books')
  books(): string {
    return 'books';
  }
}

describe('a module class with a backend in it', () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await RedisServer.start();
  });

  afterAll(() => redis.stop());

  it('serves one application after another', async () => {
    const backend = redisBackend({ url: redis.url });
    @Module({ imports: [RateLimitModule.forRoot({ backend, timeout: '10s' })], controllers: [Shop] })
    class ShopModule {}

    const statuses: number[] = [];
    for (let run = 0; run < 3; run += 1) {
      await using app = await startHttpApp('express', ShopModule);
      statuses.push((await fetch(`${app.url}/books`)).status);
    }
    expect(statuses).toEqual([200, 200, 429]);
  });

  it('goes on serving the others when one of its applications closes', async () => {
    for (const backend of [redisBackend({ url: redis.url, keyPrefix: 'two:' }), memoryBackend()]) {
      @Module({ imports: [RateLimitModule.forRoot({ backend, timeout: '10s' })] })
      class Root {}

      const start = () => NestFactory.createApplicationContext(Root, { logger: false });
      const [first, second] = [await start(), await start()];
      const remaining = async (app: typeof first): Promise<unknown> =>
        (await app.get(BackendService).consume('k', '5/m')).policies[0]?.remaining;
      expect(await remaining(first)).toBe(4);
      await first.close();
      expect(await remaining(second)).toBe(3);
      await second.close();
    }
  });
});

it('stops the start when the module is there twice', async () => {
  @Module({ imports: [RateLimitModule.forRoot({ policies: { a: '1/m' } })] })
  class Feature {}

  await expect(startHttpApp('express', { imports: [RateLimitModule.forRoot(), Feature] })).rejects.toMatchObject({
    option: 'RateLimitModule',
    message: expect.stringContaining('once'),
  });
});
