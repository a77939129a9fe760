import {
  Controller,
  Get,
  type INestApplication,
  type ModuleMetadata,
  type NestInterceptor,
  Param,
  VersioningType,
} from '@nestjs/common';
import { map } from 'rxjs';
import { type OpenMetricsContentType, Registry } from 'prom-client';
import {
  BackendService,
  Breaker,
  CircuitBreakerRegistry,
  memoryBackend,
  RateLimit,
  RateLimitEvents,
  RateLimitModule,
  type RateLimitModuleOptions,
  SkipRateLimit,
} from 'nestjs-floodgate';
import {
  RATE_LIMIT_METRICS_REGISTRY,
  RateLimitPrometheusModule,
  type RateLimitPrometheusOptions,
} from 'nestjs-floodgate/prometheus';
import { platforms, startHttpApp, type HttpApp, type Platform } from '../../../support/http-app.js';
import { MetricsPage } from '../../../support/metrics-page.js';
import { refused, ScriptedBackend } from '../../limiter/failover/scripted-backend.js';

@Controller()
class Cats {
  @RateLimit('cats')
  @Get('cats')
  all(): string {
    return 'all';
  }

  @RateLimit('tried', 'cats')
  @Get('tried')
  tried(): string {
    return 'tried';
  }

  @SkipRateLimit()
  @Get('free')
  free(): string {
    return 'free';
  }

  @RateLimit({ name: 'by-id', rate: '2/m', key: 'param:id' })
  @Get('cats/:id')
  one(@Param('id') id: string): string {
    return id;
  }
}

interface Setting {
  readonly platform?: Platform;
  readonly limits?: RateLimitModuleOptions;
  readonly metrics?: RateLimitPrometheusOptions;
  readonly configure?: (app: INestApplication) => void;
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
}

const POLICIES = { api: '100/m', cats: '5/m', tried: { rate: '2/m', mode: 'shadow' } } as const;

const start = ({ platform = 'express', limits, metrics, configure, imports = [] }: Setting = {}): Promise<HttpApp> =>
  startHttpApp(
    platform,
    {
      imports: [
        RateLimitModule.forRoot({ policies: POLICIES, ...limits }),
        RateLimitPrometheusModule.forRoot(metrics),
        ...imports,
      ],
      controllers: [Cats],
    },
    configure,
  );

async function call(http: HttpApp, path: string, times = 1): Promise<void> {
  for (let index = 0; index < times; index += 1) await fetch(http.url + path);
}

const page = (http: HttpApp): Promise<MetricsPage> => MetricsPage.of(`${http.url}/metrics`);

const requests = async (http: HttpApp): Promise<object> => (await page(http)).series('floodgate_requests_total');

describe.each(platforms)('metrics on %s', (platform) => {
  it('tell what became of each call, and not of those that ask for them', async () => {
    await using http = await start({ platform, limits: { apply: ['api'] } });
    await call(http, '/cats', 7);
    await call(http, '/free', 3);
    await call(http, '/metrics', 2);
    expect(await requests(http)).toEqual({
      '{policy="api",result="allowed",source="primary"}': 5,
      '{policy="cats",result="allowed",source="primary"}': 5,
      '{policy="cats",result="limited",source="primary"}': 2,
      '{policy="",result="skipped",source="none"}': 3,
    });
  });

  it('are text of Prometheus, whatever interceptors the application has', async () => {
    const wrap: NestInterceptor = {
      intercept: (_context, next) => next.handle().pipe(map((data: unknown) => ({ data }))),
    };
    await using http = await start({ platform, configure: (app) => void app.useGlobalInterceptors(wrap) });
    expect(await (await fetch(`${http.url}/cats`)).json()).toEqual({ data: 'all' });
    const response = await fetch(`${http.url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain;.*version=0\.0\.4/);
    expect(await response.text()).toMatch(/^# HELP floodgate_requests_total .+\n# TYPE/);
  });
});

describe('results', () => {
  it('of a shadow policy that would refuse are told apart', async () => {
    await using http = await start();
    await call(http, '/tried', 3);
    expect(await requests(http)).toEqual({
      '{policy="tried",result="allowed",source="primary"}': 2,
      '{policy="tried",result="shadow_limited",source="primary"}': 1,
      '{policy="cats",result="allowed",source="primary"}': 3,
    });
  });

  it.each([
    ['open', { '{policy="",result="failed_open",source="none"}': 2 }],
    ['local', { '{policy="cats",result="allowed",source="local"}': 2 }],
    ['closed', {}],
  ] as const)('in an outage under failure mode %s', async (failureMode, expected) => {
    const store = new ScriptedBackend('store', { async: true });
    await using http = await start({
      limits: { backend: store, failureMode, circuitBreaker: { failureThreshold: 1 } },
    });
    store.error = refused();
    await call(http, '/cats', 2);
    const metrics = await page(http);
    expect(metrics.series('floodgate_requests_total')).toEqual(expected);
    // The open circuit lets no second call through.
    expect(metrics.series('floodgate_backend_failures_total')).toEqual({
      '{backend="store",reason="ECONNREFUSED"}': 1,
    });
    expect(metrics.value('floodgate_backend_up{backend="store"}')).toBe(0);
    expect(metrics.value('floodgate_breaker_state{breaker="backend:store",state="open"}')).toBe(1);
    expect(metrics.series('floodgate_breaker_transitions_total')).toEqual({ '{breaker="backend:store",to="open"}': 1 });

    store.error = undefined;
    http.app.get(CircuitBreakerRegistry).resetAll();
    await call(http, '/cats');
    expect((await page(http)).value('floodgate_backend_up{backend="store"}')).toBe(1);
  });

  it('while the limiter is switched off', async () => {
    await using http = await start({ limits: { enabled: false } });
    await call(http, '/cats', 2);
    expect(await requests(http)).toEqual({ '{policy="",result="disabled",source="none"}': 2 });
  });

  it('that leave less than a fifth of a limit are near it, if they are allowed', async () => {
    await using http = await start({ limits: { policies: { ...POLICIES, cats: '10/m' } } });
    await call(http, '/cats', 8);
    expect((await page(http)).series('floodgate_near_limit_total')).toEqual({});
    await call(http, '/cats', 5);
    expect((await page(http)).series('floodgate_near_limit_total')).toEqual({ '{policy="cats"}': 2 });
  });

  it('of calls on lists have no policy', async () => {
    const lists = { allow: ['param:id:vip'], deny: ['param:id:bad'] };
    await using http = await start({ limits: { lists } });
    for (const id of ['vip', 'vip', 'bad', 'ann']) await call(http, `/cats/${id}`);
    expect(await requests(http)).toEqual({
      '{policy="",result="allow_listed",source="none"}': 2,
      '{policy="",result="deny_listed",source="none"}': 1,
      '{policy="by-id",result="allowed",source="primary"}': 1,
    });
  });
});

describe('backends and memory', () => {
  it('tell the duration of each call by verb and outcome', async () => {
    await using http = await start();
    const service = http.app.get(BackendService);
    await service.consume('user:42', 'cats');
    await service.peek('user:42', 'cats');
    await service.health();
    const calls = (await page(http)).series('floodgate_backend_call_duration_seconds_count');
    expect(calls).toEqual({
      '{backend="memory",verb="consume",outcome="success"}': 1,
      '{backend="memory",verb="peek",outcome="success"}': 1,
      '{backend="memory",verb="ping",outcome="success"}': 1,
    });
  });

  it('tell how many counters are held, and how many were dropped', async () => {
    await using http = await start({ limits: { backend: memoryBackend({ maxKeys: 10 }) } });
    const service = http.app.get(BackendService);
    for (let user = 0; user < 12; user += 1) await service.consume(`user:${user}`, 'cats');
    const metrics = await page(http);
    expect(metrics.value('floodgate_memory_keys')).toBe(10);
    expect(metrics.value('floodgate_evictions_total')).toBe(2);
  });

  it('tell of slots in use and of calls that wait for one', async () => {
    const exports = { limit: 2, algorithm: 'concurrency', queue: { size: 5, maxWait: '20s' } } as const;
    await using http = await start({ limits: { policies: { ...POLICIES, exports } } });
    const service = http.app.get(BackendService);
    const [one, two] = [await service.acquire('user:1', 'exports'), await service.acquire('user:1', 'exports')];
    const waiting = service.acquire('user:1', 'exports');
    const other = await service.acquire('user:2', 'exports');
    const read = async (name: string): Promise<object> => (await page(http)).series(`floodgate_${name}`);
    expect(await read('slots_in_use')).toEqual({ '{policy="exports"}': 3 });
    expect(await read('queue_length')).toEqual({ '{policy="exports"}': 1 });
    expect(await read('queue_wait_seconds_count')).toEqual({});
    await one.release();
    const third = await waiting;
    expect(await read('slots_in_use')).toEqual({ '{policy="exports"}': 3 });
    expect(await read('queue_length')).toEqual({ '{policy="exports"}': 0 });
    expect(await read('queue_wait_seconds_count')).toEqual({ '{policy="exports"}': 1 });
    const [waited] = Object.values(await read('queue_wait_seconds_sum')) as number[];
    expect(waited).toBeGreaterThan(0);
    expect(waited).toBeLessThan(20);
    for (const lease of [two, third, other]) await lease.release();
    expect(await read('slots_in_use')).toEqual({ '{policy="exports"}': 0 });
  });

  it('put durations into buckets that add up, as prom-client does', async () => {
    await using http = await start();
    const events = http.app.get(RateLimitEvents);
    const call = { kind: 'backend-call', backend: 'store', verb: 'peek', outcome: 'error' } as const;
    for (const durationMs of [0.25, 0.2500001, 1, 7, 2_500, 2_501]) events.emit({ ...call, durationMs });
    const metrics = await page(http);
    const labels = 'backend="store",verb="peek",outcome="error"';
    const upTo = (le: string): number | undefined =>
      metrics.value(`floodgate_backend_call_duration_seconds_bucket{le="${le}",${labels}}`);
    expect(['0.00025', '0.0005', '0.001', '0.005', '0.01', '2.5', '+Inf'].map(upTo)).toEqual([1, 2, 3, 3, 4, 5, 6]);
    expect(metrics.value(`floodgate_backend_call_duration_seconds_count{${labels}}`)).toBe(6);
    const sum = metrics.value(`floodgate_backend_call_duration_seconds_sum{${labels}}`);
    expect(sum).toBeCloseTo(5.0095, 4);
  });
});

describe('the number of time series', () => {
  it('does not grow with keys', async () => {
    await using http = await start();
    const service = http.app.get(BackendService);
    await service.consume('user:first', 'cats');
    const before = (await page(http)).count;
    for (let user = 0; user < 100_000; user += 1) await service.consume(`user:${user}`, 'cats');
    const after = await page(http);
    expect(after.count).toBe(before);
    expect(after.text).not.toContain('user:');
    expect(after.value('floodgate_requests_total{policy="cats",result="allowed",source="primary"}')).toBe(100_001);
  });

  it('does not grow with policies beyond 200: the rest is `other`', async () => {
    await using http = await start();
    const service = http.app.get(BackendService);
    for (let tenant = 0; tenant < 250; tenant += 1) {
      await service.consume('key', { name: `tenant-${tenant}`, rate: '9/m' });
    }
    const series = (await page(http)).series('floodgate_requests_total');
    expect(Object.keys(series)).toHaveLength(201);
    expect(series).toMatchObject({
      '{policy="tenant-199",result="allowed",source="primary"}': 1,
      '{policy="other",result="allowed",source="primary"}': 50,
    });
  });

  it('does not grow with the keys of breakers: the worst state counts, and transitions add up', async () => {
    await using http = await start({ limits: { circuitBreaker: false } });
    const registry = http.app.get(CircuitBreakerRegistry);
    for (const key of ['a', 'b]', '[c']) {
      const name = `Partner.ask[${key}]`;
      registry.adopt(name, new Breaker({ name }));
    }
    registry.get('Partner.ask[a]')?.forceOpen();
    registry.get('Partner.ask[[c]')?.forceOpen();
    const metrics = await page(http);
    expect(metrics.series('floodgate_breaker_state')).toEqual({
      '{breaker="Partner.ask",state="closed"}': 0,
      '{breaker="Partner.ask",state="half-open"}': 0,
      '{breaker="Partner.ask",state="open"}': 1,
    });
    expect(metrics.series('floodgate_breaker_transitions_total')).toEqual({ '{breaker="Partner.ask",to="open"}': 2 });
  });
});

describe('the module', () => {
  it('has a registry of its own for each application', async () => {
    await using one = await start();
    await using other = await start();
    await call(one, '/cats');
    expect(Object.keys(await requests(one))).toHaveLength(1);
    expect(await requests(other)).toEqual({});
  });

  it('counts anew in an application that is made of the same module again', async () => {
    const module = { imports: [RateLimitModule.forRoot({ policies: POLICIES }), RateLimitPrometheusModule.forRoot()] };
    for (let time = 0; time < 2; time += 1) {
      await using http = await startHttpApp('express', { ...module, controllers: [Cats] });
      await call(http, '/cats');
      expect(Object.values(await requests(http))).toEqual([1]);
    }
  });

  it('puts its metrics into a registry that it is given, and takes them out at shutdown', async () => {
    const registry = new Registry();
    const open = new Registry() as unknown as Registry<OpenMetricsContentType>;
    open.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    for (const given of [registry, registry, open]) {
      await using http = await start({ metrics: { registry: given } });
      expect(http.app.get(RATE_LIMIT_METRICS_REGISTRY, { strict: false })).toBe(given);
      expect(given.getSingleMetric('floodgate_requests_total')).toBeDefined();
      const response = await fetch(`${http.url}/metrics`);
      expect(response.headers.get('content-type')).toContain(given.contentType.split(';')[0]);
    }
    expect(registry.getMetricsAsArray()).toEqual([]);
  });

  it('says so when two applications share a registry and a prefix', async () => {
    const registry = new Registry();
    await using _http = await start({ metrics: { registry } });
    await expect(start({ metrics: { registry } })).rejects.toThrow(/floodgate_requests_total.*a registry or a prefix/s);
    await using other = await start({ metrics: { registry, prefix: 'other' } });
    await call(other, '/cats');
    expect((await page(other)).series('other_requests_total')).toEqual({
      '{policy="cats",result="allowed",source="primary"}': 1,
    });
  });

  it.each<[string, Setting, string]>([
    ['another path', { metrics: { path: 'internal/metrics' } }, '/internal/metrics'],
    ['a global prefix', { configure: (app) => void app.setGlobalPrefix('v7') }, '/v7/metrics'],
    [
      'versions in the path',
      { configure: (app) => void app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }) },
      '/metrics',
    ],
  ])('serves its page under %s', async (_what, setting, path) => {
    await using http = await start(setting);
    expect((await fetch(http.url + path)).status).toBe(200);
  });

  it('serves no page where it is told not to', async () => {
    await using http = await start({ metrics: { path: false } });
    expect((await fetch(`${http.url}/metrics`)).status).toBe(404);
    await call(http, '/cats');
    const registry = http.app.get<Registry>(RATE_LIMIT_METRICS_REGISTRY, { strict: false });
    expect(await registry.metrics()).toContain('floodgate_requests_total{policy="cats",result="allowed"');
  });

  it('is exempt from what is applied to all routes', async () => {
    await using http = await start({ limits: { policies: { ...POLICIES, api: '1/m' }, apply: ['api'] } });
    for (let time = 0; time < 3; time += 1) expect((await fetch(`${http.url}/metrics`)).status).toBe(200);
  });

  it('finds a RateLimitModule that is not global', async () => {
    await using http = await start({ limits: { isGlobal: false } });
    await call(http, '/cats');
    expect(Object.values(await requests(http))).toEqual([1]);
  });

  it('says what is missing without RateLimitModule', async () => {
    await expect(startHttpApp('express', { imports: [RateLimitPrometheusModule.forRoot()] })).rejects.toThrow(
      /RateLimitPrometheusModule.*Import RateLimitModule/s,
    );
  });

  it.each<[object | null, RegExp]>([
    [{ paths: '/metrics' }, /RateLimitPrometheusModule\.paths/],
    [{ path: '' }, /RateLimitPrometheusModule\.path/],
    [{ path: '/' }, /RateLimitPrometheusModule\.path/],
    [{ path: true }, /RateLimitPrometheusModule\.path/],
    [{ prefix: '1st' }, /RateLimitPrometheusModule\.prefix/],
    [{ prefix: 'flood-gate' }, /RateLimitPrometheusModule\.prefix/],
    [{ registry: {} }, /RateLimitPrometheusModule\.registry/],
    [null, /RateLimitPrometheusModule/],
  ])('refuses the options %j', (options, message) => {
    expect(() => RateLimitPrometheusModule.forRoot(options as RateLimitPrometheusOptions)).toThrow(message);
  });
});
