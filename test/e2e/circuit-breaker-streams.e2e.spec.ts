import { get as httpGet, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get, Module, NotFoundException, Query, Sse, type MessageEvent } from '@nestjs/common';
import { concat, interval, map, NEVER, of, throwError, type Observable } from 'rxjs';
import type { Breaker } from '../../lib/breaker/breaker.js';
import { CircuitBreakerRegistry } from '../../lib/breaker/breaker.registry.js';
import { CircuitBreaker } from '../../lib/breaker/circuit-breaker.decorator.js';
import { eventually } from '../support/eventually.js';
import { type HttpApp, type Platform, platforms, startHttpApp } from '../support/http-app.js';

const down = new Error('down');

/** Recovers a moment after it opens, with nothing left to chance. */
const QUICK = { failureThreshold: 2, recoveryTimeout: 50, backoffMultiplier: 1, jitter: 0 };

@Controller()
class Streams {
  @Sse('events')
  @CircuitBreaker({ ...QUICK, callTimeout: '5s' })
  events(@Query('fail') fail?: string): Observable<MessageEvent> {
    if (fail === 'first') return throwError(() => down);
    if (fail === 'later')
      return concat(
        of({ data: 'hello' }),
        throwError(() => down),
      );
    return concat(of({ data: 'hello' }), NEVER);
  }

  @Sse('ticks')
  @CircuitBreaker({ callTimeout: 200 })
  ticks(): Observable<MessageEvent> {
    return interval(50).pipe(map((tick) => ({ data: `tick ${tick}` })));
  }

  @Sse('promised')
  @CircuitBreaker({ ...QUICK, callTimeout: '5s' })
  async promised(@Query('fail') fail?: string): Promise<Observable<MessageEvent>> {
    return this.events(fail);
  }

  @Get('missing')
  @CircuitBreaker({ ...QUICK, callTimeout: '5s' })
  async missing(@Query('fail') fail?: string): Promise<never> {
    if (fail !== undefined) throw down;
    await delay(50);
    throw new NotFoundException();
  }
}

@Module({ controllers: [Streams], providers: [CircuitBreakerRegistry] })
class StreamsModule {}

const start = (platform: Platform): Promise<HttpApp> => startHttpApp(platform, StreamsModule);
const breakerOf = (app: HttpApp, method: string): Breaker =>
  app.app.get(CircuitBreakerRegistry).get(`Streams.${method}`) as Breaker;

/** A client of server-sent events: what it has received, until it is destroyed. */
class SseClient implements Disposable {
  received = '';
  ended = false;

  private constructor(private readonly response: IncomingMessage) {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => (this.received += chunk));
    response.on('error', () => undefined);
    response.on('close', () => (this.ended = true));
  }

  static async open(url: string): Promise<SseClient> {
    const request = httpGet(url, { headers: { accept: 'text/event-stream' }, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return new SseClient(response);
  }

  async has(text: string): Promise<void> {
    await eventually(() => this.received.includes(text), { what: `the client has ${text}` });
  }

  [Symbol.dispose](): void {
    this.response.destroy();
  }
}

async function failTwice(url: string): Promise<void> {
  for (let count = 0; count < 2; count += 1) {
    using client = await SseClient.open(url);
    await eventually(() => client.ended, { what: 'the stream has failed' });
  }
}

async function probeIsDue(breaker: Breaker): Promise<void> {
  await eventually(() => breaker.status().state === 'open' && breaker.status().retryAfterMs === 0, {
    what: 'a probe is due',
  });
}

describe.each(platforms)('@CircuitBreaker on %s', (platform) => {
  it.each(['events', 'promised'])(
    'closes with the first event of @Sse(%s), while the client streams on',
    async (path) => {
      await using app = await start(platform);
      const breaker = breakerOf(app, path);
      await failTwice(`${app.url}/${path}?fail=first`);
      await probeIsDue(breaker);
      using probe = await SseClient.open(`${app.url}/${path}`);
      await probe.has('hello');
      expect(breaker.status()).toMatchObject({ state: 'closed', tripCount: 1 });
      using other = await SseClient.open(`${app.url}/${path}`);
      await other.has('hello');
      expect([probe.ended, other.ended]).toEqual([false, false]);
    },
  );

  it('counts the errors of events that came later', async () => {
    await using app = await start(platform);
    const breaker = breakerOf(app, 'events');
    await failTwice(`${app.url}/events?fail=later`);
    await eventually(() => breaker.status().tripCount === 1, { what: 'the circuit is open' });
  });

  it('takes a client that leaves for no failure', async () => {
    await using app = await start(platform);
    const breaker = breakerOf(app, 'events');
    for (let count = 0; count < 3; count += 1) {
      using client = await SseClient.open(`${app.url}/events`);
      await client.has('hello');
    }
    expect(breaker.status()).toMatchObject({ state: 'closed', failureCount: 0 });
  });

  it('does not cut a stream at callTimeout', async () => {
    await using app = await start(platform);
    using client = await SseClient.open(`${app.url}/ticks`);
    // The tenth tick comes after 500 ms at the earliest, and callTimeout is 200 ms.
    await client.has('tick 9');
    expect(client.ended).toBe(false);
    expect(breakerOf(app, 'ticks').status()).toMatchObject({ state: 'closed', failureCount: 0 });
  });

  it('recovers with answers of 404 alone, under 20 clients at a time', async () => {
    await using app = await start(platform);
    const breaker = breakerOf(app, 'missing');
    const ask = async (path: string): Promise<number> => {
      const response = await fetch(`${app.url}/${path}`);
      await response.arrayBuffer();
      return response.status;
    };
    for (let count = 0; count < 2; count += 1) await ask('missing?fail=1');
    await probeIsDue(breaker);
    const flood = (): Promise<number[]> => Promise.all(Array.from({ length: 20 }, () => ask('missing')));
    expect(await flood()).toContain(404);
    expect(breaker.status()).toMatchObject({ state: 'closed', tripCount: 1 });
    expect(new Set(await flood())).toEqual(new Set([404]));
  });
});
