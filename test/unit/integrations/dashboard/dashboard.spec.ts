import { request as httpRequest } from 'node:http';
import { jest } from '@jest/globals';
import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Logger,
  Module,
  type NestInterceptor,
  VersioningType,
} from '@nestjs/common';
import { map } from 'rxjs';
import {
  BackendService,
  CircuitBreakerRegistry,
  Breaker,
  RateLimit,
  RateLimitEvents,
  RateLimitModule,
  RateLimitPolicies,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import {
  type DashboardState,
  RateLimitDashboardModule,
  type RateLimitDashboardOptions,
} from 'nestjs-floodgate/dashboard';
import type { Policy, PolicyOptions } from '../../../../lib/contracts/policy.js';
import { ShadowTrials } from '../../../../lib/integrations/dashboard/shadow-trials.js';
import { compilePolicy } from '../../../../lib/policies/compiled-policy.js';
import { eventually } from '../../../support/eventually.js';
import { type HttpApp, type Platform, platforms, startHttpApp } from '../../../support/http-app.js';
import { RunningClock } from '../../../support/running-clock.js';
import { refused, ScriptedBackend } from '../../limiter/failover/scripted-backend.js';

@Controller()
class Cats {
  @RateLimit('cats')
  @Get('cats')
  all(): string {
    return 'all';
  }

  @RateLimit({ name: 'tried', rate: '1/m', mode: 'shadow' })
  @Get('tried')
  tried(): string {
    return 'tried';
  }

  @Get('free')
  free(): string {
    return 'free';
  }
}

interface Setting {
  readonly platform?: Platform;
  readonly limits?: RateLimitModuleOptions;
  readonly dashboard?: RateLimitDashboardOptions;
  readonly configure?: Parameters<typeof startHttpApp>[2];
  readonly providers?: readonly (new (...args: never[]) => unknown)[];
}

const start = ({
  platform = 'express',
  limits,
  dashboard,
  configure,
  providers = [],
}: Setting = {}): Promise<HttpApp> =>
  startHttpApp(
    platform,
    {
      imports: [
        RateLimitModule.forRoot({ policies: { cats: { rate: '2/m', key: 'header:x-cat' } }, ...limits }),
        RateLimitDashboardModule.forRoot(dashboard),
      ],
      controllers: [Cats],
      providers: [...providers],
    },
    configure,
  );

const stateOf = async (http: HttpApp, path = '/floodgate'): Promise<DashboardState> =>
  (await (await fetch(`${http.url}${path}/api/state`)).json()) as DashboardState;

const sum = (series: readonly number[]): number => series.reduce((total, one) => total + one, 0);

const asCat = (http: HttpApp, name: string): Promise<Response> =>
  fetch(`${http.url}/cats`, { headers: { 'x-cat': name } });

/** A request with headers that `fetch` does not let through, such as Host; its status. */
function statusWith(
  http: HttpApp,
  path: string,
  headers: Record<string, string>,
  method = 'GET',
  body?: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(http.url + path, { method, headers, agent: false }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    request.on('error', reject).end(body);
  });
}

/** Reads events of a stream until one fulfils a condition. */
async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  done: (text: string) => boolean,
): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  while (!done(text)) {
    const { value, done: ended } = await reader.read();
    if (ended) throw new Error(`The stream ended: ${text.slice(-200)}`);
    text += decoder.decode(value, { stream: true });
  }
  return text;
}

describe('the trial of a shadow policy', () => {
  it('names the network of its clients only where keys are shown', async () => {
    await using http = await start({ dashboard: { showKeys: true } });
    for (let time = 0; time < 2; time += 1) await fetch(`${http.url}/tried`);
    expect((await stateOf(http)).policies[0]!.trial!.network).toEqual({ network: '127.0.0.0/24', clients: 1 });
  });

  it('begins anew when the policy says something else', async () => {
    await using http = await start({
      limits: { policies: { cats: { rate: '2/m', key: 'header:x-cat', mode: 'shadow' } } },
    });
    for (let time = 0; time < 3; time += 1) await asCat(http, 'tom');
    const trial = async (): Promise<unknown> => (await stateOf(http)).policies[0]!.trial;
    expect(await trial()).toMatchObject({ rate: '2/m', calls: 3, refused: 1 });
    await http.app.get(RateLimitPolicies).set('cats', { rate: '9/m', mode: 'shadow' });
    await asCat(http, 'tom');
    expect(await trial()).toMatchObject({ rate: '9/m', calls: 1, refused: 0 });
  });

  it('is made of the first twenty policies, and not of slots', () => {
    const trials = new ShadowTrials();
    const policyOf = (name: string, options: PolicyOptions): Policy =>
      compilePolicy('policy', { name, mode: 'shadow', ...options }, () => name).policy;
    const call = { key: 'user:1', cost: 1, atMs: 1 };
    trials.observe(policyOf('slots', { limit: 1, algorithm: 'concurrency' }), call, true);
    for (let index = 0; index < 30; index += 1) trials.observe(policyOf(`p${index}`, { rate: '1/m' }), call, false);
    trials.observe(policyOf('p3', { rate: '1/m' }), { ...call, cost: 0 }, false);
    const summaries = trials.summaries();
    expect([...summaries.keys()]).toEqual(Array.from({ length: 20 }, (_, index) => `p${index}`));
    expect(summaries.get('p3')).toMatchObject({ calls: 1 });
  });
});

describe.each(platforms)('the dashboard on %s', (platform) => {
  it('tells what became of calls, and not of its own', async () => {
    await using http = await start({ platform });
    for (let time = 0; time < 3; time += 1) await asCat(http, 'tom');
    for (let time = 0; time < 2; time += 1) await fetch(`${http.url}/tried`);
    await fetch(`${http.url}/free`);
    await stateOf(http);
    const state = await stateOf(http);
    expect(state).toMatchObject({
      version: 1,
      historyMs: 900_000,
      bucketMs: 5_000,
      failureMode: 'closed',
      actions: false,
    });
    const [cats, tried] = state.policies;
    expect(cats).toMatchObject({
      name: 'cats',
      quota: { limit: 2, windowMs: 60_000 },
      mode: 'enforce',
      totals: { allowed: 2, limited: 1, shadowLimited: 0 },
    });
    expect(tried).toMatchObject({
      name: 'tried',
      mode: 'shadow',
      totals: { allowed: 1, limited: 0, shadowLimited: 1 },
    });
    expect(cats!.trial).toBeNull();
    expect(tried!.trial).toEqual({
      rate: '1/m',
      calls: 2,
      refused: 1,
      share: 0.5,
      clients: 1,
      clientsAreMore: false,
      network: { clients: 1 },
      oneInAThousand: { limit: 2, rate: '2/m', share: 0 },
    });
    expect([cats!.allowed, cats!.limited, tried!.shadowLimited].map(sum)).toEqual([2, 1, 1]);
    expect(cats!.allowed).toHaveLength(state.buckets.length);
    expect(state.uncounted).toMatchObject([{ reason: 'skipped', total: 1 }]);
    expect(state.backends).toMatchObject([{ name: 'memory', up: true, totals: { calls: 5, failures: 0 } }]);
    expect(state.breakers).toMatchObject([{ name: 'backend:memory', state: 'closed', count: 1 }]);
    expect(state.keys).toMatchObject([{ policy: 'cats', limited: 1 }]);
  });

  it('hides keys unless it is told to show them', async () => {
    for (const showKeys of [false, true]) {
      await using http = await start({ platform, dashboard: { showKeys } });
      for (let time = 0; time < 3; time += 1) await asCat(http, 'tom');
      const text = JSON.stringify(await stateOf(http));
      expect(text.includes('tom')).toBe(showKeys);
    }
  });

  it('serves a page that may load nothing from elsewhere, and run nothing that stands in it', async () => {
    await using http = await start({ platform });
    const page = await fetch(`${http.url}/floodgate`);
    const csp = page.headers.get('content-security-policy')!;
    expect(csp).toContain("default-src 'none'");
    expect(csp).not.toMatch(/unsafe|\*|https?:/);
    const html = await page.text();
    expect(html).not.toMatch(/https?:|<style|\son\w+=|style="|<script(?![^>]*src=)/);
    const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link);
    expect(links).toHaveLength(3);
    for (const link of links) {
      const response = await fetch(new URL(link, page.url));
      expect(response.status).toBe(200);
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect((await response.text()).length).toBeGreaterThan(100);
    }
    expect((await fetch(`${http.url}/floodgate/assets/constructor`)).status).toBe(404);
  });

  it('streams the state and what changes, and ends its streams at shutdown', async () => {
    const http = await start({ platform });
    const response = await fetch(`${http.url}/floodgate/api/stream`);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const reader = response.body!.getReader();
    const first = await readUntil(reader, (text) => text.includes('\n\n'));
    expect(first).toMatch(/^retry: \d+\nevent: state\ndata: \{"version":1/);
    await asCat(http, 'tom');
    await readUntil(reader, (text) => /event: tick\ndata: .*"allowed":1/.test(text));
    using clock = new RunningClock();
    await http.close();
    // As fast as without a stream: the support cuts connections that are left after 5 s.
    expect(clock.now()).toBeLessThan(4_000);
    expect((await reader.read()).done).toBe(true);
  });

  it('tells of an outage and of its end', async () => {
    const store = new ScriptedBackend('store', { async: true });
    await using http = await start({ platform, limits: { backend: store, circuitBreaker: { failureThreshold: 1 } } });
    store.error = refused();
    await asCat(http, 'tom');
    const during = await stateOf(http);
    expect(during.backends).toMatchObject([
      { up: false, totals: { failures: 1 }, outages: [{ endedMs: null, reason: 'ECONNREFUSED', failures: 1 }] },
    ]);
    expect(during.breakers).toMatchObject([
      { state: 'open', transitions: [{ from: 'closed', to: 'open', reason: 'tripped' }] },
    ]);
    store.error = undefined;
    http.app.get(CircuitBreakerRegistry).resetAll();
    await asCat(http, 'tom');
    expect((await stateOf(http)).backends).toMatchObject([{ up: true, outages: [{ endedMs: expect.any(Number) }] }]);
  });
});

describe('where it is', () => {
  it.each<[string, Setting, string]>([
    ['another path', { dashboard: { path: '/internal/limits/' } }, '/internal/limits'],
    ['a global prefix', { configure: (app) => void app.setGlobalPrefix('api') }, '/api/floodgate'],
    [
      'versions in the path',
      { configure: (app) => void app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }) },
      '/floodgate',
    ],
  ])('is told by %s', async (_what, setting, path) => {
    await using http = await start(setting);
    const page = await fetch(http.url + path);
    expect(page.status).toBe(200);
    const [, script = ''] = /<script[^>]* src="([^"]+)"/.exec(await page.text()) ?? [];
    expect(await (await fetch(new URL(script, page.url))).text()).toContain('EventSource');
    expect((await stateOf(http, path)).version).toBe(1);
  });

  it('is exempt from what is applied to all routes, and left alone by interceptors', async () => {
    const wrap: NestInterceptor = {
      intercept: (_context, next) => next.handle().pipe(map((data: unknown) => ({ data }))),
    };
    await using http = await start({
      limits: { policies: { cats: '1/m' }, apply: ['cats'] },
      configure: (app) => void app.useGlobalInterceptors(wrap),
    });
    for (let time = 0; time < 3; time += 1) expect((await stateOf(http)).version).toBe(1);
  });
});

describe('without guards', () => {
  it('says in the log that it serves this machine alone', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    try {
      await using _http = await start();
      expect(warn).toHaveBeenCalledWith(expect.stringContaining('serves this machine alone'));
      warn.mockClear();
      await using _guarded = await start({ dashboard: { guards: [Passing] } });
      expect(warn).not.toHaveBeenCalled();
    } finally {
      warn.mockRestore();
    }
  });

  it.each([
    ['this machine', {}, 200],
    ['this machine by IPv4', { Host: '127.0.0.1:9' }, 200],
    ['this machine by IPv6', { Host: '[::1]:9' }, 200],
    ['this machine by name', { Host: 'LOCALHOST' }, 200],
    ['a name that a page of another site may resolve to this machine', { Host: 'evil.example' }, 403],
    ['a name that begins like this machine', { Host: '127.0.0.1.evil.example' }, 403],
    ['a proxy', { 'X-Forwarded-For': '192.0.2.1' }, 403],
    ['a proxy that names itself', { 'X-Forwarded-Server': 'edge' }, 403],
    ['a content delivery network', { 'Fastly-Connecting-IP': '192.0.2.1' }, 403],
    ['a proxy of the standard', { Forwarded: 'for=127.0.0.1' }, 403],
    ['a proxy that tells itself alone', { Via: '1.1 proxy' }, 403],
    ['a proxy that tells the protocol', { 'X-Forwarded-Proto': 'https' }, 403],
  ])('answers a request from %s', async (_who, headers, status) => {
    await using http = await start();
    for (const path of ['/floodgate', '/floodgate/api/state', '/floodgate/assets/page.js']) {
      expect([path, await statusWith(http, path, headers)]).toEqual([path, status]);
    }
  });

  it('is not fooled by a proxy that the application trusts', async () => {
    await using http = await startHttpApp(
      'express',
      { imports: [RateLimitModule.forRoot(), RateLimitDashboardModule.forRoot()] },
      undefined,
      { trustProxy: true },
    );
    expect(await statusWith(http, '/floodgate', { 'X-Forwarded-For': '127.0.0.1' })).toBe(403);
  });
});

@Injectable()
class Passing implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Injectable()
class Words {
  readonly secret = 'please';
}

/** Lets pass who knows the word; its dependency is the application's. */
@Injectable()
class Knowing implements CanActivate {
  constructor(private readonly words: Words) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    return (
      context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-word'] === this.words.secret
    );
  }
}

describe('guards', () => {
  it.each(platforms)('decide who sees it on %s, wherever the request comes from', async (platform) => {
    await using http = await start({
      platform,
      dashboard: { guards: [Passing, Knowing] },
      providers: [Words, Knowing],
    });
    for (const path of ['/floodgate', '/floodgate/api/state', '/floodgate/api/stream', '/floodgate/assets/page.css']) {
      expect([path, await statusWith(http, path, { 'X-Forwarded-For': '192.0.2.1' })]).toEqual([path, 403]);
    }
    expect(await statusWith(http, '/floodgate', { 'x-word': 'please', Host: 'limits.example', Via: '1.1 proxy' })).toBe(
      200,
    );
  });
});

describe('actions', () => {
  const act = (http: HttpApp, action: string, body: unknown, headers: Record<string, string> = {}): Promise<number> =>
    statusWith(
      http,
      `/floodgate/api/actions/${action}`,
      { 'content-type': 'application/json', ...headers },
      'POST',
      JSON.stringify(body),
    );

  it('are refused unless they are asked for', async () => {
    await using http = await start();
    expect(await act(http, 'reset-breaker', { breaker: 'backend:memory' })).toBe(403);
  });

  it.each(platforms)('reset a key on %s, by itself or by its hash', async (platform) => {
    await using http = await start({ platform, dashboard: { actions: true } });
    const limited = async (): Promise<boolean> => (await asCat(http, 'tom')).status === 429;
    const untilLimited = (): Promise<boolean> => eventually(limited, { what: 'tom is limited' });
    await untilLimited();
    const { keyHash, policy } = (await stateOf(http)).keys[0]!;
    expect(await act(http, 'reset-key', { policy, keyHash })).toBe(200);
    expect(await limited()).toBe(false);
    await untilLimited();
    expect(await act(http, 'reset-key', { policy: 'cats', key: 'header:x-cat:tom' })).toBe(200);
    expect(await limited()).toBe(false);
  });

  it('force a breaker open and reset it, all of a keyed one together', async () => {
    await using http = await start({ dashboard: { actions: true } });
    const registry = http.app.get(CircuitBreakerRegistry);
    for (const name of ['Partner.ask[a]', 'Partner.ask[b]']) registry.adopt(name, new Breaker({ name }));
    const states = (): string[] => Object.values(registry.getAllStatus()).map(({ state }) => state);
    expect(await act(http, 'force-breaker', { breaker: 'Partner.ask' })).toBe(200);
    expect(states()).toEqual(['closed', 'open', 'open']);
    expect(JSON.stringify(await stateOf(http))).not.toContain('[a]');
    expect(await act(http, 'reset-breaker', { breaker: 'Partner.ask' })).toBe(200);
    expect(states()).toEqual(['closed', 'closed', 'closed']);
  });

  it.each(platforms)('override a policy for a key on %s, and take that back', async (platform) => {
    await using http = await start({ platform, dashboard: { actions: true } });
    const passes = async (cat: string): Promise<boolean> => (await asCat(http, cat)).status === 200;
    const override = { policy: 'cats', key: 'header:x-cat:tom' };
    expect(await act(http, 'override-policy', { ...override, to: 'blocked', reason: 'he bites' })).toBe(200);
    expect([await passes('tom'), await passes('tim')]).toEqual([false, true]);
    expect(http.app.get(RateLimitPolicies).overrides()).toMatchObject([{ by: 'dashboard', reason: 'he bites' }]);
    expect(await act(http, 'remove-override', override)).toBe(200);
    expect(await passes('tom')).toBe(true);
  });

  it('put policies into shadow, and let them refuse again', async () => {
    await using http = await start({ dashboard: { actions: true } });
    const statuses = async (): Promise<number[]> => [
      (await asCat(http, 'tom')).status,
      (await asCat(http, 'tom')).status,
      (await asCat(http, 'tom')).status,
    ];
    expect(await act(http, 'shadow', { on: true, policies: ['cats'] })).toBe(200);
    expect(await statuses()).toEqual([200, 200, 200]);
    expect((await stateOf(http)).policies).toMatchObject([{ name: 'cats', mode: 'shadow' }]);
    expect(await act(http, 'shadow', { on: false })).toBe(200);
    expect(await statuses()).toContain(429);
  });

  it('reset a key by itself where keys are hashed', async () => {
    await using http = await start({
      limits: { hashKeys: { secret: 'hush' } },
      dashboard: { actions: true, showKeys: true },
    });
    const limited = async (): Promise<boolean> => (await asCat(http, 'tom')).status === 429;
    await eventually(limited, { what: 'tom is limited' });
    expect(JSON.stringify(await stateOf(http))).not.toContain('tom');
    expect(await act(http, 'reset-key', { policy: 'cats', key: 'header:x-cat:tom' })).toBe(200);
    expect(await limited()).toBe(false);
  });

  describe.each(platforms)('on %s', (platform) => {
    it.each([
      ['another site', { Origin: 'https://evil.example' }, 403],
      ['another port of this machine', { Origin: 'http://127.0.0.1:1' }, 403],
      ['a sandboxed frame', { Origin: 'null' }, 403],
      ['another site, by what the browser says', { 'Sec-Fetch-Site': 'cross-site' }, 403],
      ['a sibling site', { 'Sec-Fetch-Site': 'same-site' }, 403],
      ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
      ['a form that sends text', { 'content-type': 'text/plain' }, 415],
      ['a form navigation', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' }, 403],
    ])('of %s are refused, even where the application enables CORS', async (_who, headers, status) => {
      await using http = await start({
        platform,
        dashboard: { actions: true },
        configure: (app) => app.enableCors({ origin: true, credentials: true }),
      });
      expect(await act(http, 'force-breaker', { breaker: 'backend:memory' }, headers)).toBe(status);
      expect(http.app.get(CircuitBreakerRegistry).get('backend:memory')?.status().state).toBe('closed');
    });
  });

  it('of the page itself are done', async () => {
    await using http = await start({ dashboard: { actions: true } });
    const headers = { Origin: http.url, 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' };
    expect(await act(http, 'force-breaker', { breaker: 'backend:memory' }, headers)).toBe(200);
  });

  it.each([
    ['no-such', {}, 404],
    ['constructor', {}, 404],
    ['reset-breaker', { breaker: 'nobody' }, 404],
    ['reset-key', { policy: 'nobody', key: 'x' }, 404],
    ['reset-key', { policy: 'cats' }, 400],
    ['reset-key', { policy: 'cats', key: 5 }, 400],
    ['override-policy', { policy: 'nobody', key: 'x', to: '1/m' }, 400],
    ['override-policy', { policy: 'cats', key: 'x', to: 'plenty' }, 400],
    ['override-policy', { policy: 'cats', key: 'x' }, 400],
    ['remove-override', { policy: 'nobody', key: 'x' }, 400],
    ['shadow', {}, 400],
    ['shadow', { on: true, policies: 'cats' }, 400],
    ['shadow', { on: true, policies: ['nobody'] }, 400],
    ['reset-breaker', [], 404],
    ['reset-breaker', null, 400],
  ])('that are wrong are told so: %s %j', async (action, body, status) => {
    await using http = await start({ dashboard: { actions: true } });
    await asCat(http, 'tom');
    expect(await act(http, action, body)).toBe(status);
  });
});

describe('what another site may read', () => {
  it('is nothing, even where the application enables CORS', async () => {
    await using http = await start({ configure: (app) => app.enableCors({ origin: true }) });
    expect(await statusWith(http, '/floodgate/api/state', { Origin: 'https://evil.example' })).toBe(403);
    expect(await statusWith(http, '/floodgate/api/stream', { Origin: 'null' })).toBe(403);
    // A link to the page may stand anywhere.
    expect(await statusWith(http, '/floodgate', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate' })).toBe(
      200,
    );
  });
});

describe('bounds', () => {
  it('of policies hold: the rest is `other`', async () => {
    await using http = await start();
    const service = http.app.get(BackendService);
    for (let tenant = 0; tenant < 230; tenant += 1)
      await service.consume('key', { name: `tenant-${tenant}`, rate: '9/m' });
    const { policies } = await stateOf(http);
    expect(policies).toHaveLength(201);
    expect(policies.find(({ name }) => name === 'other')).toMatchObject({ quota: null, totals: { allowed: 30 } });
  });

  it('of outages and transitions hold', async () => {
    await using http = await start();
    const events = http.app.get(RateLimitEvents);
    for (let time = 0; time < 80; time += 1) {
      events.emit({ kind: 'outage-started', backend: 'memory', error: refused() });
      events.emit({ kind: 'outage-ended', backend: 'memory', durationMs: 1, failures: 1 });
      events.emit({
        kind: 'breaker-transition',
        breaker: 'backend:memory',
        from: 'closed',
        to: 'open',
        reason: 'tripped',
      });
    }
    const { backends, breakers } = await stateOf(http);
    expect([backends[0]!.outages.length, breakers[0]!.transitions.length]).toEqual([50, 50]);
  });
});

describe('the module', () => {
  it.each<[object | null, RegExp]>([
    [{ paths: '/x' }, /RateLimitDashboardModule\.paths/],
    [{ path: '/' }, /RateLimitDashboardModule\.path/],
    [{ path: 7 }, /RateLimitDashboardModule\.path/],
    [{ guards: Passing }, /RateLimitDashboardModule\.guards/],
    [{ guards: [new Passing()] }, /RateLimitDashboardModule\.guards/],
    [{ actions: 'yes' }, /RateLimitDashboardModule\.actions/],
    [{ showKeys: 1 }, /RateLimitDashboardModule\.showKeys/],
    [{ history: '10s' }, /RateLimitDashboardModule\.history/],
    [{ history: '2d' }, /RateLimitDashboardModule\.history/],
    [null, /RateLimitDashboardModule/],
  ])('refuses the options %j', (options, message) => {
    expect(() => RateLimitDashboardModule.forRoot(options as RateLimitDashboardOptions)).toThrow(message);
  });

  it('says what is missing without RateLimitModule', async () => {
    @Module({ imports: [RateLimitDashboardModule.forRoot()] })
    class Bare {}
    await expect(startHttpApp('express', Bare)).rejects.toThrow(/RateLimitDashboardModule.*Import RateLimitModule/s);
  });
});
