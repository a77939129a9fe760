import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, Get, Inject, Param, Res, UseGuards } from '@nestjs/common';
import {
  BackendService,
  BackendUnavailableError,
  type Decision,
  type HeaderStyle,
  memoryBackend,
  RateLimit,
  RateLimitDecision,
  RateLimitGuard,
  RateLimitModule,
  type RateLimitModuleOptions,
  SkipRateLimit,
} from 'nestjs-floodgate';
import { type HttpApp, type Platform, platforms, startHttpApp } from '../support/http-app.js';
import { readList } from '../support/structured-list.js';

const fixed = { algorithm: 'fixed-window' } as const;

@Controller()
class ResponsesController {
  constructor(@Inject(BackendService) private readonly backend: BackendService) {}

  @RateLimit({ rate: '2/d', name: 'day', ...fixed }, { rate: '9/h', name: 'hour', ...fixed })
  @Get('two')
  two(): string {
    return 'two';
  }

  @RateLimit({ rate: '1/d', ...fixed, message: 'One a day', blockFor: '2d' })
  @Get('once')
  once(): string {
    return 'once';
  }

  @RateLimit({ rate: '5/m', cost: 6 })
  @Get('never')
  never(): string {
    return 'never';
  }

  @RateLimit({ rate: '5/m', cost: 6, blockFor: '1h' })
  @Get('never-blocks')
  neverBlocks(): string {
    return 'never';
  }

  @RateLimit({ rate: '1000/m', name: 'model', unit: 'tokens', cost: 100 })
  @Get('tokens')
  tokens(): string {
    return 'tokens';
  }

  @RateLimit({ rate: '1/m', mode: 'shadow', name: 'secret' })
  @Get('shadowed')
  shadowed(): string {
    return 'shadowed';
  }

  @RateLimit({ rate: '2/m', key: 'param:id', name: 'each' }, { rate: '3/m', key: 'global', name: 'all' })
  @Get('of/:id')
  ofEach(@Param('id') id: string): string {
    return id;
  }

  @RateLimit('9/m')
  @UseGuards(RateLimitGuard)
  @Get('guarded-twice')
  guardedTwice(@RateLimitDecision() decision: Decision): Decision {
    return decision;
  }

  @RateLimit('1/m')
  @Get('begun')
  begun(@Res() response: ServerResponse & { readonly raw?: ServerResponse }): void {
    (response.raw ?? response).end('and ended');
  }

  @RateLimit('9/m')
  @Get('leases')
  async leases(): Promise<string> {
    await this.backend.acquire('everybody', { rate: '1/h', algorithm: 'token-bucket' });
    return 'leased';
  }

  @SkipRateLimit()
  @Get('skipped')
  skipped(@RateLimitDecision() decision: Decision): Decision {
    return decision;
  }
}

const LIMIT_HEADERS = [
  'ratelimit-policy',
  'ratelimit',
  'x-ratelimit-limit',
  'x-ratelimit-remaining',
  'x-ratelimit-reset',
];

const limitHeaders = (response: Response): readonly string[] =>
  LIMIT_HEADERS.filter((name) => response.headers.has(name));

const start = (platform: Platform, options: RateLimitModuleOptions = {}): Promise<HttpApp> =>
  startHttpApp(platform, { imports: [RateLimitModule.forRoot(options)], controllers: [ResponsesController] });

/** The last of several calls. */
async function get(app: HttpApp, path: string, times = 1): Promise<Response> {
  for (let time = 1; time < times; time += 1) await (await fetch(app.url + path)).text();
  return fetch(app.url + path);
}

const down = memoryBackend();
down.consume = () => {
  throw new BackendUnavailableError({ backend: 'redis://secret:6379', cause: new Error('ECONNREFUSED secret:6379') });
};

describe.each(platforms)('responses on %s', (platform) => {
  it.each<[HeaderStyle, number, readonly string[]]>([
    ['standard', 200, LIMIT_HEADERS.slice(0, 2)],
    ['standard', 429, LIMIT_HEADERS.slice(0, 2)],
    ['legacy', 200, LIMIT_HEADERS.slice(2)],
    ['legacy', 429, LIMIT_HEADERS.slice(2)],
    ['both', 200, LIMIT_HEADERS],
    ['both', 429, LIMIT_HEADERS],
    [false, 200, []],
    [false, 429, []],
  ])('have the headers of style %s, on a %p', async (headers, status, expected) => {
    await using app = await start(platform, { headers });
    const response = await get(app, '/two', status === 200 ? 1 : 3);
    expect(response.status).toBe(status);
    expect(limitHeaders(response)).toEqual(expected);
    expect(response.headers.has('retry-after')).toBe(status === 429);
  });

  it('go on without headers if a middleware has sent some, and are only ended if the call is limited', async () => {
    const module = { imports: [RateLimitModule.forRoot()], controllers: [ResponsesController] };
    await using app = await startHttpApp(platform, module, (nest) => {
      nest.use((_request: IncomingMessage, response: ServerResponse, next: () => void) => {
        response.write('begun, ');
        next();
      });
    });
    const texts: [number, string][] = [];
    for (let call = 0; call < 2; call += 1) {
      const response = await fetch(`${app.url}/begun`);
      texts.push([response.status, await response.text()]);
    }
    expect(texts).toEqual([
      [200, 'begun, and ended'],
      [200, 'begun, '],
    ]);
  });

  it('tell of each policy in Structured Fields', async () => {
    await using app = await start(platform);
    const { headers } = await get(app, '/two');
    expect(readList(headers.get('ratelimit-policy')!)).toEqual([
      { item: 'day', parameters: { q: 2, w: 86_400 } },
      { item: 'hour', parameters: { q: 9, w: 3_600 } },
    ]);
    expect(readList(headers.get('ratelimit')!)).toEqual([
      { item: 'day', parameters: { r: 1, t: expect.any(Number) } },
      { item: 'hour', parameters: { r: 8, t: expect.any(Number) } },
    ]);
  });

  it('charge nothing of what passes when another policy refuses', async () => {
    await using app = await start(platform);
    const { headers } = await get(app, '/two', 5);
    expect(readList(headers.get('ratelimit')!).map(({ parameters }) => parameters['r'])).toEqual([0, 7]);
  });

  it('hold for each key of several policies', async () => {
    await using app = await start(platform);
    const statuses: number[] = [];
    for (const id of ['a', 'a', 'a', 'b', 'b']) statuses.push((await get(app, `/of/${id}`)).status);
    expect(statuses).toEqual([200, 200, 429, 200, 429]);
  });

  it('have one Retry-After: the block, or the window of what can never pass', async () => {
    await using app = await start(platform);
    expect((await get(app, '/once', 2)).headers.get('retry-after')).toBe('172800');
    expect((await get(app, '/never')).headers.get('retry-after')).toBe('60');
  });

  it('have the Retry-After of the lease that a handler is refused, after the guard let the call pass', async () => {
    await using app = await start(platform);
    const response = await get(app, '/leases', 2);
    expect(response.status).toBe(429);
    expect(response.headers.get('ratelimit-policy')).toBe('"9/m";q=9;w=60');
    expect(response.headers.get('retry-after')).toMatch(/^3[56]\d\d$/);
  });

  it('have the message of the policy that refuses', async () => {
    await using app = await start(platform);
    const response = await get(app, '/once', 2);
    expect(await response.json()).toEqual({ statusCode: 429, error: 'Too Many Requests', message: 'One a day' });
  });

  it('never tell of shadow policies', async () => {
    await using app = await start(platform, { headers: 'both' });
    const response = await get(app, '/shadowed', 3);
    expect([response.status, limitHeaders(response)]).toEqual([200, []]);
  });

  it('are counted once where the guard is bound twice, and the handler is handed the decision', async () => {
    await using app = await start(platform);
    const decision = (await (await get(app, '/guarded-twice')).json()) as Decision;
    expect(decision).toMatchObject({ kind: 'allowed', policies: [{ name: '9/m', remaining: 8 }] });
  });

  it('have no limit headers on a route that is skipped, whose decision says so', async () => {
    await using app = await start(platform, { policies: { api: '9/m' }, apply: ['api'] });
    const response = await get(app, '/skipped');
    expect(limitHeaders(response)).toEqual([]);
    expect(await response.json()).toMatchObject({ kind: 'unenforced', reason: 'skipped' });
  });

  it.each([
    ['429', {}, '/once', 429, '172800'],
    ['503', { backend: down }, '/once', 503, '1'],
  ])('are problem details where these are asked for: %s', async (_what, options, path, status, retryAfter) => {
    await using app = await start(platform, { ...options, problemDetails: true });
    const response = await get(app, path, 2);
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json(;|$)/);
    expect(response.headers.get('retry-after')).toBe(retryAfter);
    const types = 'https://iana.org/assignments/http-problem-types';
    expect(await response.json()).toEqual(
      status === 429
        ? {
            type: `${types}#abnormal-usage-detected`,
            title: 'Request not satisfied due to detection of abnormal request pattern',
            status: 429,
            detail: 'One a day',
            'violated-policies': ['1/d'],
          }
        : {
            type: `${types}#temporary-reduced-capacity`,
            title: 'Request cannot be satisfied due to temporary server capacity constraints',
            status: 503,
          },
    );
  });

  it.each([
    ['a quota that is used up', '/two', 'quota-exceeded'],
    ['a block', '/once', 'abnormal-usage-detected'],
    ['a call that can never pass, though its policy blocks', '/never-blocks', 'quota-exceeded'],
  ])('say by their type what refuses: %s', async (_what, path, type) => {
    await using app = await start(platform, { problemDetails: true });
    const response = await get(app, path, 3);
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ type: `https://iana.org/assignments/http-problem-types#${type}` });
  });

  it('name the unit of a policy, and an application that starts with a wrong one is told', async () => {
    await using app = await start(platform);
    expect(readList((await get(app, '/tokens')).headers.get('ratelimit-policy')!)).toEqual([
      { item: 'model', parameters: { q: 1_000, qu: 'tokens', w: 60 } },
    ]);
    await expect(start(platform, { policies: { model: { rate: '9/m', unit: 'a"b' } } })).rejects.toThrow(
      'policies.model.unit',
    );
  });

  it.each([true, false])('never hold a key, an address or a stack (problem details: %p)', async (problemDetails) => {
    await using limited = await start(platform, { problemDetails });
    await using broken = await start(platform, { problemDetails, backend: down });
    for (const response of [await get(limited, '/once', 2), await get(broken, '/once')]) {
      expect(await response.text()).not.toMatch(/127\.0\.0\.1|ip:|secret|redis|ECONN|stack|\bat /);
    }
  });

  it.each<[RateLimitModuleOptions['failureMode'], number]>([
    ['open', 200],
    ['closed', 503],
  ])('have no limit headers in failure mode %s while nothing can be decided', async (failureMode, status) => {
    await using app = await start(platform, { backend: down, failureMode: failureMode!, headers: 'both' });
    const response = await get(app, '/once');
    expect([response.status, limitHeaders(response)]).toEqual([status, []]);
    expect(response.headers.has('retry-after')).toBe(status === 503);
  });
});
