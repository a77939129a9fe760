import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  Inject,
  Injectable,
  Module,
  type Provider,
  Scope,
  type Type,
  UseFilters,
} from '@nestjs/common';
import { APP_FILTER, BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import {
  BackendService,
  BackendUnavailableError,
  CircuitBreaker,
  CircuitOpenError,
  memoryBackend,
  RateLimit,
  RateLimitExceededException,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { type HttpApp, type Platform, platforms, startHttpApp } from '../support/http-app.js';

/** Answers an HttpException by its status, and anything else with 500, as most applications' own filters do. */
@Catch()
class CatchAll implements ExceptionFilter<unknown> {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(exception: unknown, host: ArgumentsHost): void {
    const status = exception instanceof HttpException ? exception.getStatus() : 500;
    const body = exception instanceof HttpException ? exception.getResponse() : 'broken';
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), { answeredBy: 'CatchAll', body }, status);
  }
}

@Injectable({ scope: Scope.REQUEST })
@Catch()
class ScopedCatchAll extends CatchAll {}

/** As error trackers wrap Nest's own filter: reports, and lets Nest answer. */
@Catch()
class ReportingFilter extends BaseExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    super.catch(exception, host);
  }
}

@Catch(HttpException)
class HttpFilter extends CatchAll {}

@Injectable()
class Partner {
  @CircuitBreaker({ name: 'partner-secret', failureThreshold: 1, recoveryTimeout: '7s', jitter: 0 })
  call(): string {
    throw new Error('down');
  }
}

class Handlers {
  constructor(
    @Inject(BackendService) readonly backend: BackendService,
    @Inject(Partner) readonly partner: Partner,
  ) {}

  @RateLimit('1/m')
  @Get('guarded')
  guarded(): string {
    return 'guarded';
  }

  @Get('consumed')
  async consumed(): Promise<string> {
    await this.backend.consume('everybody', '1/m');
    return 'consumed';
  }

  @Get('leased')
  async leased(): Promise<string> {
    await this.backend.acquire('everybody', '1/m');
    return 'leased';
  }

  @Get('circuit')
  circuit(): string {
    return this.partner.call();
  }
}

@Controller()
class Plain extends Handlers {}

@UseFilters(CatchAll)
@Controller()
class WithFilter extends Handlers {}

@Controller()
class WithMethodFilters extends Handlers {
  @UseFilters(CatchAll)
  @RateLimit('1/m')
  @Get('guarded')
  override guarded(): string {
    return 'guarded';
  }

  @UseFilters(new HttpFilter({} as HttpAdapterHost))
  @Get('unused')
  unused(): string {
    return 'unused';
  }

  @UseFilters(CatchAll)
  @Get('consumed')
  override async consumed(): Promise<string> {
    return super.consumed();
  }

  @UseFilters(HttpFilter)
  @Get('leased')
  override async leased(): Promise<string> {
    return super.leased();
  }

  @UseFilters(CatchAll)
  @Get('circuit')
  override circuit(): string {
    return super.circuit();
  }
}

const down = memoryBackend();
down.consume = () => {
  throw new BackendUnavailableError({ backend: 'secret-redis:6379', retryAfterMs: 7_000 });
};
const downLater = memoryBackend({ name: 'later' });
downLater.consume = () => Promise.reject(new BackendUnavailableError({ backend: 'secret', retryAfterMs: 7_000 }));

interface Filtered {
  readonly controller?: Type;
  readonly providers?: Provider[];
  readonly global?: (host: HttpAdapterHost) => ExceptionFilter;
  readonly options?: RateLimitModuleOptions;
}

const filtered: readonly (readonly [string, Filtered])[] = [
  ['no filter', {}],
  ['no filter at all', { options: { bindFilter: false } }],
  ['a global catch-all', { global: (host) => new CatchAll(host) }],
  ['a global catch-all alone', { global: (host) => new CatchAll(host), options: { bindFilter: false } }],
  ['APP_FILTER', { providers: [{ provide: APP_FILTER, useClass: CatchAll }] }],
  ['a request-scoped APP_FILTER', { providers: [{ provide: APP_FILTER, useClass: ScopedCatchAll }] }],
  [
    'APP_FILTER with a scope of its own',
    { providers: [{ provide: APP_FILTER, useClass: CatchAll, scope: Scope.REQUEST }] },
  ],
  ['a filter that extends Nest’s', { global: (host) => new ReportingFilter(host.httpAdapter) }],
  ['a filter of a controller', { controller: WithFilter }],
  ['filters of methods', { controller: WithMethodFilters }],
];

const start = (platform: Platform, { controller = Plain, providers = [], global, options }: Filtered, more = {}) =>
  startHttpApp(
    platform,
    {
      imports: [RateLimitModule.forRoot({ ...options, ...more })],
      controllers: [controller],
      providers: [Partner, ...providers],
    },
    (app) => {
      if (global !== undefined) app.useGlobalFilters(global(app.get(HttpAdapterHost)));
    },
  );

/** The second of two calls: by then a circuit is open, and a limit of one is reached. */
async function second(app: HttpApp, path: string): Promise<Response> {
  await (await fetch(`${app.url}/${path}`)).text();
  return fetch(`${app.url}/${path}`);
}

describe.each(platforms)('on %s', (platform) => {
  describe.each(filtered)('with %s', (_what, given) => {
    it.each([
      ['guarded', down],
      ['guarded', downLater],
      ['consumed', down],
      ['leased', downLater],
      ['circuit', memoryBackend()],
    ])('an outage of %s is 503 with Retry-After', async (path, backend) => {
      await using app = await start(platform, given, { backend, circuitBreaker: false });
      const response = await second(app, path);
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('7');
      expect(await response.text()).not.toMatch(/secret|broken/);
    });

    it.each(['guarded', 'leased'])('a refusal of %s is 429 with Retry-After', async (path) => {
      await using app = await start(platform, given);
      const response = await second(app, path);
      expect(response.status).toBe(429);
      expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(await response.text()).toContain('Too Many Requests');
    });
  });
});

describe('errors of another copy of the package', () => {
  /** What another copy throws: the same shape, of classes that this one does not know. */
  class TheirOutage extends Error {
    readonly code = 'BACKEND_UNAVAILABLE';
    readonly backend = 'secret';
    readonly retryAfterMs = 7_000;
  }
  class TheirCircuit extends HttpException {
    readonly code = 'CIRCUIT_OPEN';
    readonly retryAfterMs = 7_000;
    constructor() {
      super('Circuit secret is open', 503);
    }
  }
  class TheirRefusal extends HttpException {
    readonly code = 'RATE_LIMITED';
    readonly blocked = false;
    readonly decision = {
      kind: 'limited',
      policies: [{ name: 'a', mode: 'enforce', allowed: false, retryAfterMs: 7_000, windowMs: 9_000 }],
    };
    constructor() {
      super('Too Many Requests', 429);
    }
  }

  @Controller()
  class Foreign {
    @Get('outage')
    outage(): never {
      throw new TheirOutage('secret');
    }
    @Get('circuit')
    circuit(): never {
      throw new TheirCircuit();
    }
    @Get('refusal')
    refusal(): never {
      throw new TheirRefusal();
    }
  }

  @UseFilters(CatchAll)
  @Controller('own')
  class WithOwnFilter extends Foreign {}

  @Module({ controllers: [Foreign, WithOwnFilter] })
  class ForeignModule {}

  it.each([
    ['outage', 503],
    ['circuit', 503],
    ['own/circuit', 503],
    ['refusal', 429],
    ['own/refusal', 429],
  ])('are told by their code: %s', async (path, status) => {
    await using app = await startHttpApp('express', { imports: [RateLimitModule.forRoot(), ForeignModule] });
    const response = await fetch(`${app.url}/${path}`);
    expect([response.status, response.headers.get('retry-after')]).toEqual([status, '7']);
    if (!path.startsWith('own')) expect(await response.text()).not.toContain('secret');
  });

  it('are instances of the classes of this one', () => {
    expect(new TheirOutage()).toBeInstanceOf(BackendUnavailableError);
    expect(new TheirCircuit()).toBeInstanceOf(CircuitOpenError);
    expect(new TheirRefusal()).toBeInstanceOf(RateLimitExceededException);
    expect(new TheirCircuit()).not.toBeInstanceOf(BackendUnavailableError);
    class Mine extends BackendUnavailableError {}
    expect(new BackendUnavailableError({ backend: 'a' })).not.toBeInstanceOf(Mine);
    expect(new Mine({ backend: 'a' })).toBeInstanceOf(BackendUnavailableError);
  });
});
