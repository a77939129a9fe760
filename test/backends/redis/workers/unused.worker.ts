import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { memoryBackend, RATE_LIMIT_OPTIONS, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { redisBackend, type RedisConnection } from 'nestjs-floodgate/redis';

export interface UnusedInput {
  readonly url: string;
}

export const WAYS = [
  'import',
  'override',
  'compile',
  'context',
  'failed start',
  'failed bootstrap',
  'taken port',
] as const;

type Way = (typeof WAYS)[number];

/**
 * Has modules with a Redis in them, and never uses them: one way after the other. The process has to end by itself.
 *
 * @returns what each way left open
 */
export default async function unused({ url }: UnusedInput): Promise<Readonly<Record<string, readonly string[]>>> {
  const { hostname, port } = new URL(url);
  const sentinels = { sentinels: [{ host: hostname, port: Number(port) }], name: 'main' };
  const left: Record<string, readonly string[]> = {};
  for (const way of WAYS) {
    for (const where of [{ url }, { connection: sentinels }]) {
      await go(way, where, Number(port));
      left[`${way}, ${Object.keys(where)[0]}`] = process
        .getActiveResourcesInfo()
        .filter((kind) => kind === 'TCPSocketWrap' || kind === 'Timeout');
    }
  }
  return left;
}

async function go(how: Way, where: RedisConnection, port: number): Promise<void> {
  @Controller()
  class Shop {
    @RateLimit('2/m')
    @Get('books')
    books(): string {
      return 'books';
    }
  }

  @Module({ imports: [RateLimitModule.forRoot({ backend: redisBackend(where) })], controllers: [Shop] })
  class AppModule {
    onModuleInit(): void {
      if (how === 'failed start') throw new Error('no start');
    }

    onApplicationBootstrap(): void {
      if (how === 'failed bootstrap') throw new Error('no bootstrap');
    }
  }

  switch (how) {
    case 'import':
      break;
    case 'override':
    case 'compile': {
      const builder = Test.createTestingModule({ imports: [AppModule] });
      if (how === 'override') builder.overrideProvider(RATE_LIMIT_OPTIONS).useValue({ backend: memoryBackend() });
      await builder.compile();
      break;
    }
    case 'context':
      await NestFactory.createApplicationContext(AppModule, { logger: false });
      break;
    case 'failed start':
    case 'failed bootstrap':
    case 'taken port': {
      const app = await NestFactory.create(AppModule, { logger: false });
      // The port of Redis is taken.
      await app.listen(port, '127.0.0.1').then(
        () => Promise.reject(new Error('It started')),
        () => undefined,
      );
      break;
    }
  }
}
