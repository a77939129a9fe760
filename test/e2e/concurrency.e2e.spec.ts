import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as after } from 'node:timers/promises';
import { Controller, Get, HttpException, Param, RequestTimeoutException, Sse, StreamableFile } from '@nestjs/common';
import { BackendService, RateLimit, RateLimitEvents, RateLimitModule, type PolicyOptions } from 'nestjs-floodgate';
import { NEVER, of } from 'rxjs';
import { eventually } from '../support/eventually.js';
import { platforms, startHttpApp, type HttpApp, type Platform } from '../support/http-app.js';

const LIMIT = 3;
const DOWNLOAD_BYTES = 50 * 2 ** 20;

/** Calls in the handler, and how they go on. */
class Running {
  readonly waiting: (() => void)[] = [];

  hold(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  letGo(count = this.waiting.length): void {
    for (const go of this.waiting.splice(0, count)) go();
  }
}

function controllerOf(running: Running) {
  @RateLimit('slots')
  @Controller()
  class JobsController {
    @Get('held')
    async held(): Promise<string> {
      await running.hold();
      return 'done';
    }

    @Get('ends/:how')
    async ends(@Param('how') how: string): Promise<unknown> {
      await after(1);
      switch (how) {
        case 'throw':
          throw new Error('broken');
        case 'refuse':
          throw new HttpException('no', 403);
        case 'timeout':
          throw new RequestTimeoutException();
        case 'stream':
          return new StreamableFile(Readable.from([Buffer.from('a'), Buffer.from('b')]));
        case 'broken-stream':
          return new StreamableFile(
            Readable.from(
              (async function* () {
                yield Buffer.from('a');
                await after(1);
                throw new Error('broken');
              })(),
            ),
          );
        default:
          return 'answer';
      }
    }

    @Get('download')
    download(): StreamableFile {
      const chunk = Buffer.alloc(2 ** 16);
      let left = DOWNLOAD_BYTES;
      const body = new Readable({
        read() {
          this.push(left > 0 ? chunk : null);
          left -= chunk.length;
        },
      });
      return new StreamableFile(body);
    }

    @Sse('events')
    events() {
      return NEVER;
    }

    @Sse('one-event')
    oneEvent() {
      return of({ data: 'one' });
    }
  }
  return JobsController;
}

async function start(platform: Platform, options: Partial<PolicyOptions> = {}) {
  const running = new Running();
  const app = await startHttpApp(platform, {
    imports: [
      RateLimitModule.forRoot({
        policies: { slots: { limit: LIMIT, algorithm: 'concurrency', leaseTime: '1m', key: 'global', ...options } },
      }),
    ],
    controllers: [controllerOf(running)],
  });
  return { app, running };
}

const free = async ({ app }: HttpApp): Promise<number> => {
  const { policies } = await app.get(BackendService).peek('global', 'slots');
  return policies[0]!.remaining;
};

/** How many calls wait in a queue. */
function watchQueue({ app }: HttpApp): () => number {
  let length = 0;
  app.get(RateLimitEvents).on((event) => {
    if (event.kind === 'queue') ({ length } = event);
  });
  return () => length;
}

const statusOf = async (app: HttpApp, path: string, signal?: AbortSignal): Promise<number> => {
  const response = await fetch(`${app.url}/${path}`, signal === undefined ? {} : { signal });
  await response.arrayBuffer().catch(() => undefined);
  return response.status;
};

describe.each(platforms)('a limit of calls at a time on %s', (platform) => {
  it('lets so many run, refuses the next, and lets one in when one has ended', async () => {
    const { app, running } = await start(platform);
    await using _app = app;
    const first = Array.from({ length: LIMIT }, () => statusOf(app, 'held'));
    await eventually(() => running.waiting.length === LIMIT);
    const refused = await fetch(`${app.url}/held`);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    running.letGo(1);
    await Promise.race(first);
    await eventually(async () => (await free(app)) === 1);
    const next = statusOf(app, 'held');
    await eventually(() => running.waiting.length === LIMIT);
    running.letGo();
    expect(await Promise.all([...first, next])).toEqual([200, 200, 200, 200]);
    await eventually(async () => (await free(app)) === LIMIT);
  });

  it.each(['answer', 'throw', 'refuse', 'timeout', 'stream', 'broken-stream'])(
    'frees the slot of a call that ends by %s',
    async (how) => {
      const { app } = await start(platform);
      await using _app = app;
      for (let call = 0; call < 2 * LIMIT; call += 1) {
        await statusOf(app, `ends/${how}`).catch(() => undefined);
        await eventually(async () => (await free(app)) === LIMIT);
      }
    },
  );

  it('frees the slot of a call whose client hangs up, in a handler and in a stream of events', async () => {
    const { app, running } = await start(platform);
    await using _app = app;
    for (const path of ['held', 'events']) {
      const hangUp = new AbortController();
      const call = statusOf(app, path, hangUp.signal).catch(() => 0);
      await eventually(async () => (await free(app)) === LIMIT - 1);
      hangUp.abort();
      await call;
      await eventually(async () => (await free(app)) === LIMIT);
    }
    running.letGo();
    expect(await statusOf(app, 'one-event')).toBe(200);
    await eventually(async () => (await free(app)) === LIMIT);
  });

  it('holds the slot of a download until its last byte', async () => {
    const { app } = await start(platform);
    await using _app = app;
    const [response] = (await once(get(`${app.url}/download`), 'response')) as [IncomingMessage];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > DOWNLOAD_BYTES / 2 && !response.isPaused() && bytes < DOWNLOAD_BYTES * 0.6) response.pause();
    });
    await eventually(() => response.isPaused());
    expect(await free(app)).toBe(LIMIT - 1);
    response.removeAllListeners('data');
    response.on('data', (chunk: Buffer) => void (bytes += chunk.length));
    response.resume();
    await once(response, 'end');
    expect(bytes).toBe(DOWNLOAD_BYTES);
    await eventually(async () => (await free(app)) === LIMIT);
  });

  it('renews the slot of a call that lasts for longer than its lease', async () => {
    const { app, running } = await start(platform, { leaseTime: '1s' });
    await using _app = app;
    const call = statusOf(app, 'held');
    await eventually(() => running.waiting.length === 1);
    await after(1_500);
    expect(await free(app)).toBe(LIMIT - 1);
    running.letGo();
    expect(await call).toBe(200);
    await eventually(async () => (await free(app)) === LIMIT);
  });

  it('lets calls wait in a queue, in their order, and refuses those that it has no room for', async () => {
    const { app, running } = await start(platform, { limit: 1, queue: { size: 2, maxWait: '30s' } });
    await using _app = app;
    const done: string[] = [];
    const call = async (name: string): Promise<void> => {
      done.push(`${name} ${await statusOf(app, 'held')}`);
    };
    const calls = [call('first')];
    await eventually(() => running.waiting.length === 1);
    calls.push(call('second'));
    await after(50);
    calls.push(call('third'));
    await after(50);
    expect(await statusOf(app, 'held')).toBe(429);
    for (let ended = 1; ended <= 3; ended += 1) {
      await eventually(() => running.waiting.length === 1);
      running.letGo();
      await eventually(() => done.length === ended);
    }
    await Promise.all(calls);
    expect(done).toEqual(['first 200', 'second 200', 'third 200']);
  });

  it('serves who came last first, in a queue of order lifo, and forgets who hangs up', async () => {
    const queue = { size: 5, maxWait: '30s', order: 'lifo' } as const;
    const { app, running } = await start(platform, { limit: 1, queue });
    await using _app = app;
    const waitingNow = watchQueue(app);
    const done: string[] = [];
    const call = async (name: string, signal?: AbortSignal): Promise<void> => {
      const status = await statusOf(app, 'held', signal).catch(() => 0);
      done.push(`${name} ${status}`);
    };
    const hangUp = new AbortController();
    const calls = [call('first')];
    await eventually(() => running.waiting.length === 1);
    for (const [index, name] of ['second', 'third', 'gone', 'fourth'].entries()) {
      calls.push(call(name, name === 'gone' ? hangUp.signal : undefined));
      await eventually(() => waitingNow() === index + 1);
    }
    hangUp.abort();
    await eventually(() => waitingNow() === 3);
    for (let ended = 2; ended <= 5; ended += 1) {
      await eventually(() => running.waiting.length === 1);
      running.letGo();
      await eventually(() => done.length === ended);
    }
    await Promise.all(calls);
    expect(done).toEqual(['gone 0', 'first 200', 'fourth 200', 'third 200', 'second 200']);
  });

  it('refuses a call that has waited for too long, and forgets one whose client has gone', async () => {
    const { app, running } = await start(platform, { limit: 1, queue: { size: 1, maxWait: 300 } });
    await using _app = app;
    const first = statusOf(app, 'held');
    await eventually(() => running.waiting.length === 1);
    const hangUp = new AbortController();
    const gone = statusOf(app, 'held', hangUp.signal).catch(() => 0);
    await after(50);
    hangUp.abort();
    expect(await gone).toBe(0);
    expect(await statusOf(app, 'held')).toBe(429);
    running.letGo();
    expect(await first).toBe(200);
    await eventually(async () => (await free(app)) === 1);
    expect(running.waiting).toHaveLength(0);
  });
});
