import { Controller, Get } from '@nestjs/common';
import { RateLimit, RateLimitModule } from '../../../lib/index.js';
import { redisBackend } from '../../../lib/backends/redis/index.js';
import { type Platform, startHttpApp } from '../../support/http-app.js';
import type { WorkerContext } from '../../support/worker-protocol.js';

@Controller()
class Shop {
  @RateLimit({ rate: '50/d', key: 'global' })
  @Get('books')
  books(): string {
    return 'books';
  }
}

/** Starts an application in a process of its own and calls it in parallel, together with the others. */
export default async function (
  { url, platform, requests }: { url: string; platform: Platform; requests: number },
  { barrier }: WorkerContext,
): Promise<number[]> {
  await using app = await startHttpApp(platform, {
    imports: [RateLimitModule.forRoot({ backend: redisBackend({ url }), timeout: '10s' })],
    controllers: [Shop],
  });
  await barrier();
  // Awaited here: the application closes when this function is left.
  return await Promise.all(Array.from({ length: requests }, async () => (await fetch(`${app.url}/books`)).status));
}
