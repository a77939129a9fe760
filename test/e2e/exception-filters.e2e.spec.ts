import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  type INestApplication,
  Inject,
  type Provider,
  UseFilters,
} from '@nestjs/common';
import { APP_FILTER, HttpAdapterHost } from '@nestjs/core';
import {
  BackendService,
  BackendUnavailableError,
  CircuitOpenError,
  memoryBackend,
  RateLimit,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { type Platform, platforms, startHttpApp } from '../support/http-app.js';

/** What an application's own filter makes of an exception: its status, and a body that says who answered. */
abstract class OwnFilter implements ExceptionFilter<unknown> {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const status = exception instanceof HttpException ? exception.getStatus() : 500;
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), { answeredBy: this.constructor.name }, status);
  }
}

@Catch(HttpException)
class HttpExceptionFilter extends OwnFilter {}

@Catch()
class CatchAllFilter extends OwnFilter {}

@Catch(BackendUnavailableError, CircuitOpenError)
class OutageFilter extends OwnFilter {}

@Controller()
class LimitedController {
  constructor(@Inject(BackendService) private readonly backend: BackendService) {}

  @RateLimit('1/m')
  @Get('guarded')
  guarded(): string {
    return 'guarded';
  }

  @Get('leased')
  async leased(): Promise<string> {
    await this.backend.acquire('everybody', '1/m');
    return 'leased';
  }

  @RateLimit('1/m')
  @UseFilters(HttpExceptionFilter)
  @Get('filtered')
  filtered(): string {
    return 'filtered';
  }

  @Get('circuit')
  circuit(): string {
    throw new CircuitOpenError('partner-secret', 7_001);
  }

  @UseFilters(OutageFilter)
  @Get('circuit-filtered')
  circuitFiltered(): string {
    throw new CircuitOpenError('partner-secret', 7_001);
  }
}

const down = memoryBackend();
down.consume = () => {
  throw new BackendUnavailableError({ backend: 'secret-redis:6379' });
};

interface Bound {
  readonly providers?: Provider[];
  readonly configure?: (app: INestApplication) => void;
}

const globally = (Filter: new (host: HttpAdapterHost) => OwnFilter): Bound => ({
  configure: (app) => void app.useGlobalFilters(new Filter(app.get(HttpAdapterHost))),
});

const asProvider = (Filter: new (host: HttpAdapterHost) => OwnFilter): Bound => ({
  providers: [{ provide: APP_FILTER, useClass: Filter }],
});

const start = (platform: Platform, options: RateLimitModuleOptions, { providers = [], configure }: Bound = {}) =>
  startHttpApp(
    platform,
    { imports: [RateLimitModule.forRoot(options)], controllers: [LimitedController], providers },
    configure,
  );

const ways: readonly [string, typeof globally][] = [
  ['useGlobalFilters', globally],
  ['APP_FILTER', asProvider],
];

describe.each(platforms)('exception filters on %s', (platform) => {
  describe.each(['guarded', 'leased'])('a 429 of a route that is %s', (path) => {
    it('has the usual body and one Retry-After', async () => {
      await using app = await start(platform, {});
      await fetch(`${app.url}/${path}`);
      const response = await fetch(`${app.url}/${path}`);
      expect(response.status).toBe(429);
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(await response.json()).toEqual({ statusCode: 429, message: 'Too Many Requests' });
    });

    it.each(
      ways.flatMap(([way, bound]) => [
        ['HttpExceptionFilter', way, bound(HttpExceptionFilter)] as const,
        ['CatchAllFilter', way, bound(CatchAllFilter)] as const,
      ]),
    )('is answered by a %s of the application (%s), with Retry-After still', async (filter, _way, bound) => {
      await using app = await start(platform, { problemDetails: true }, bound);
      await fetch(`${app.url}/${path}`);
      const response = await fetch(`${app.url}/${path}`);
      expect(response.status).toBe(429);
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(response.headers.get('content-type')).toContain('application/json');
      expect(await response.json()).toEqual({ answeredBy: filter });
    });
  });

  it('leaves a 429 to the filter that was bound last, as Nest does', async () => {
    const both: Bound = {
      configure: (app) => {
        for (const Filter of [CatchAllFilter, HttpExceptionFilter]) globally(Filter).configure!(app);
      },
    };
    await using app = await start(platform, {}, both);
    await fetch(`${app.url}/leased`);
    expect(await (await fetch(`${app.url}/leased`)).json()).toEqual({ answeredBy: 'HttpExceptionFilter' });
  });

  it('leaves a 429 to the filter of a method', async () => {
    await using app = await start(platform, {});
    await fetch(`${app.url}/filtered`);
    const response = await fetch(`${app.url}/filtered`);
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(await response.json()).toEqual({ answeredBy: 'HttpExceptionFilter' });
  });

  it.each([
    ['of the guard', 'guarded', '9'],
    ['of a call in a handler', 'leased', '9'],
    ['of an open circuit', 'circuit', '8'],
  ])('answers an outage %s with 503 and Retry-After, and tells nothing more', async (_what, path, seconds) => {
    await using app = await start(platform, {
      backend: down,
      circuitBreaker: { failureThreshold: 1, recoveryTimeout: '9s', jitter: 0 },
    });
    const response = await fetch(`${app.url}/${path}`);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe(seconds);
    expect(await response.json()).toEqual({ statusCode: 503, message: 'Service Unavailable' });
  });

  it.each(ways)('answers an outage with 503 even where a catch-all is bound by %s', async (_way, bound) => {
    await using app = await start(platform, { backend: down }, bound(CatchAllFilter));
    const response = await fetch(`${app.url}/guarded`);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(await response.json()).toEqual({ statusCode: 503, message: 'Service Unavailable' });
  });

  it.each(ways)(
    'leaves an outage to a filter of the application (%s) when bindFilter is false',
    async (_way, bound) => {
      await using app = await start(platform, { backend: down, bindFilter: false }, bound(OutageFilter));
      const response = await fetch(`${app.url}/guarded`);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(await response.json()).toEqual({ answeredBy: 'OutageFilter' });
    },
  );

  it('leaves an open circuit to the filter of a method', async () => {
    await using app = await start(platform, {});
    expect(await (await fetch(`${app.url}/circuit-filtered`)).json()).toEqual({ answeredBy: 'OutageFilter' });
  });
});
