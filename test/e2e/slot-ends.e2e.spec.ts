import { Readable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import { Controller, Get, HttpException, Param, RequestTimeoutException, Sse, StreamableFile } from '@nestjs/common';
import { BackendService, memoryBackend, RateLimit, RateLimitEvents, RateLimitModule } from 'nestjs-floodgate';
import { interval, map } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { platforms, startHttpApp } from '../support/http-app.js';
import { randomNumbers } from '../support/random-numbers.js';

/** Calls over real sockets. `npm run prove:slots` makes more. */
const CALLS = process.env['ENDS'] === undefined ? 400 : 10_000;
const CLIENTS = 30;
const LIMIT = 4;
const WAYS = ['answer', 'throw', 'refuse', 'timeout', 'stream', 'broken', 'events'] as const;

@RateLimit('slots')
@Controller()
class EndsController {
  @Get('ends/:how')
  async ends(@Param('how') how: string): Promise<unknown> {
    await after(10);
    switch (how) {
      case 'throw':
        throw new Error('broken');
      case 'refuse':
        throw new HttpException('no', 403);
      case 'timeout':
        throw new RequestTimeoutException();
      case 'stream':
      case 'broken':
        return new StreamableFile(Readable.from(chunks(how === 'broken')));
      default:
        return 'answer';
    }
  }

  @Sse('events')
  events() {
    return interval(1).pipe(map((data) => ({ data })));
  }
}

async function* chunks(breaks: boolean): AsyncGenerator<Buffer> {
  for (let chunk = 0; chunk < 5; chunk += 1) {
    yield Buffer.alloc(10_000);
    await after(1);
    if (breaks && chunk === 2) throw new Error('broken');
  }
}

it.each(platforms)(
  'leaks no slot of calls over sockets that end in all ways at once, on %s',
  async (platform) => {
    const slots = { limit: LIMIT, algorithm: 'concurrency', leaseTime: '1h', key: 'global' } as const;
    await using http = await startHttpApp(platform, {
      imports: [
        RateLimitModule.forRoot({
          backend: memoryBackend(),
          policies: { slots: { ...slots, queue: { size: 4, maxWait: '30ms' } } },
        }),
      ],
      controllers: [EndsController],
    });
    let inUse = 0;
    let most = 0;
    http.app.get(RateLimitEvents).on((event) => {
      if (event.kind !== 'slots') return;
      ({ inUse } = event);
      most = Math.max(most, inUse);
    });
    const random = randomNumbers(1);
    const ended = new Map<string, number>();
    let calls = 0;
    const call = async (): Promise<string> => {
      const how = WAYS[Math.floor(random() * WAYS.length)];
      const client = new AbortController();
      const hangsUp = how === 'events' || random() < 0.3;
      const hungUp = hangsUp ? after(random() * 15).then(() => client.abort()) : undefined;
      try {
        const path = how === 'events' ? how : `ends/${how}`;
        const response = await fetch(`${http.url}/${path}`, { signal: client.signal });
        await response.arrayBuffer();
        return String(response.status);
      } catch {
        return client.signal.aborted ? 'hung up' : 'broken';
      } finally {
        await hungUp;
      }
    };
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        for (; calls < CALLS; calls += 1) {
          const end = await call();
          ended.set(end, (ended.get(end) ?? 0) + 1);
        }
      }),
    );
    await eventually(() => inUse === 0, { what: 'all slots are free' });
    const { policies } = await http.app.get(BackendService).peek('global', 'slots');
    expect(policies[0]?.remaining).toBe(LIMIT);
    expect(most).toBe(LIMIT);
    for (const end of ['200', '403', '408', '429', '500', 'hung up', 'broken']) {
      expect([end, ended.get(end) ?? 0]).not.toEqual([end, 0]);
    }
    if (CALLS > 400) console.log(`${platform}: ${calls} calls`, ended);
  },
  600_000,
);
