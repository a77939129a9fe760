import {
  Controller,
  Get,
  HttpCode,
  Injectable,
  Module,
  NotFoundException,
  Param,
  ParseIntPipe,
  Query,
  Scope,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { map, of, type Observable } from 'rxjs';
import { CircuitBreakerRegistry } from '../../lib/breaker/breaker.registry.js';
import { CircuitBreaker } from '../../lib/breaker/circuit-breaker.decorator.js';
import { type HttpApp, type Platform, platforms, startHttpApp } from '../support/http-app.js';

@Injectable()
class Wrapped implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(map((body: unknown) => ({ body })));
  }
}

class Upstream {
  @CircuitBreaker({ failureThreshold: 2 })
  async ask(fail: boolean): Promise<string> {
    if (fail) throw new Error('down');
    return 'answer';
  }
}
@Injectable()
class DefaultUpstream extends Upstream {}
@Injectable({ scope: Scope.REQUEST })
class RequestUpstream {
  @CircuitBreaker({ failureThreshold: 2 })
  async ask(fail: boolean): Promise<string> {
    if (fail) throw new Error('down');
    return 'answer';
  }
}
@Injectable({ scope: Scope.TRANSIENT })
class TransientUpstream {
  @CircuitBreaker({ failureThreshold: 2 })
  async ask(fail: boolean): Promise<string> {
    if (fail) throw new Error('down');
    return 'answer';
  }
}

@Controller('provider')
class ProviderController {
  constructor(
    readonly one: DefaultUpstream,
    readonly two: RequestUpstream,
    readonly three: TransientUpstream,
  ) {}

  @Get(':scope')
  ask(@Param('scope') scope: 'one' | 'two' | 'three', @Query('fail') fail?: string): Promise<string> {
    return this[scope].ask(fail !== undefined);
  }
}

class Routes {
  private readonly greeting = 'cat';

  @Get('above/:id')
  @HttpCode(202)
  @UseInterceptors(Wrapped)
  @CircuitBreaker({ failureThreshold: 2 })
  async above(@Param('id', ParseIntPipe) id: number, @Query('fail') fail?: string): Promise<string> {
    return this.answer(id, fail);
  }

  @CircuitBreaker({ failureThreshold: 2 })
  @Get('below/:id')
  @HttpCode(202)
  @UseInterceptors(Wrapped)
  async below(@Param('id', ParseIntPipe) id: number, @Query('fail') fail?: string): Promise<string> {
    return this.answer(id, fail);
  }

  @Get('stream/:id')
  @HttpCode(202)
  @UseInterceptors(Wrapped)
  @CircuitBreaker({ failureThreshold: 2 })
  stream(@Param('id', ParseIntPipe) id: number, @Query('fail') fail?: string): Observable<string> {
    return of(id).pipe(map(() => this.answer(id, fail)));
  }

  @Get('sync/:id')
  @HttpCode(202)
  @UseInterceptors(Wrapped)
  @CircuitBreaker({ failureThreshold: 2 })
  sync(@Param('id', ParseIntPipe) id: number, @Query('fail') fail?: string): string {
    return this.answer(id, fail);
  }

  private answer(id: number, fail: string | undefined): string {
    if (fail === 'down') throw new Error('down');
    if (fail === 'missing') throw new NotFoundException();
    return `${this.greeting} ${id}`;
  }
}
@Controller('default')
class DefaultController extends Routes {}
@Controller({ path: 'request', scope: Scope.REQUEST })
class RequestController extends Routes {}

@Controller({ path: 'transient', scope: Scope.TRANSIENT })
class TransientController {
  @Get()
  @CircuitBreaker({ failureThreshold: 2, fallback: (error) => (error as Error).name })
  async find(): Promise<string> {
    throw new TypeError('down');
  }
}

@Module({ providers: [CircuitBreakerRegistry], exports: [CircuitBreakerRegistry] })
class BreakerModule {}

function start(controller: Type, platform: Platform = 'express'): Promise<HttpApp> {
  return startHttpApp(platform, {
    imports: [BreakerModule],
    controllers: [controller],
    providers: [Wrapped, DefaultUpstream, RequestUpstream, TransientUpstream],
  });
}

async function get(app: HttpApp, path: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${app.url}/${path}`);
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
}

const opened = { status: 500 };
const routes = ['above', 'below', 'stream', 'sync'] as const;
const controllers = { default: DefaultController, request: RequestController };

describe.each(platforms)('@CircuitBreaker on %s', (platform) => {
  describe.each(Object.entries(controllers))('on a controller of %s scope', (path, controller) => {
    it.each(routes)(
      'guards a route (%s) and leaves its parameters, pipes, status and interceptors as they are',
      async (route) => {
        await using app = await start(controller, platform);
        const registry = app.app.get(CircuitBreakerRegistry);
        const good = await get(app, `${path}/${route}/7`);
        expect(good).toEqual({ status: 202, body: { body: 'cat 7' } });
        expect((await get(app, `${path}/${route}/no-number`)).status).toBe(400);
        for (let count = 0; count < 3; count += 1) {
          expect((await get(app, `${path}/${route}/7?fail=missing`)).status).toBe(404);
        }
        expect(registry.get(`Routes.${route}`)?.status()).toMatchObject({ state: 'closed', failureCount: 0 });
        for (let count = 0; count < 2; count += 1) {
          expect(await get(app, `${path}/${route}/7?fail=down`)).toMatchObject(opened);
        }
        expect(registry.get(`Routes.${route}`)?.status().state).toBe('open');
        expect((await get(app, `${path}/${route}/7`)).status).toBe(503);
        registry.resetAll();
        expect(await get(app, `${path}/${route}/7`)).toEqual(good);
      },
    );
  });
});

describe('@CircuitBreaker on a controller of transient scope', () => {
  // Nest serves such a controller from an object that it never constructs, and so never injects anything into.
  it('guards its routes all the same', async () => {
    await using app = await start(TransientController);
    const answers = [await get(app, 'transient'), await get(app, 'transient'), await get(app, 'transient')];
    expect(answers.map(({ body }) => body)).toEqual(['TypeError', 'TypeError', 'CircuitOpenError']);
  });
});

describe('@CircuitBreaker on a provider', () => {
  it.each([
    ['default', 'one', 'Upstream.ask'],
    ['request', 'two', 'RequestUpstream.ask'],
    ['transient', 'three', 'TransientUpstream.ask'],
  ])('of %s scope has one breaker for all its instances', async (_scope, path, name) => {
    await using app = await start(ProviderController);
    const registry = app.app.get(CircuitBreakerRegistry);
    expect(await get(app, `provider/${path}`)).toEqual({ status: 200, body: 'answer' });
    for (let count = 0; count < 2; count += 1) await get(app, `provider/${path}?fail=1`);
    expect(registry.get(name)?.status().state).toBe('open');
    expect((await get(app, `provider/${path}`)).status).toBe(503);
  });
});

describe('two applications in one process', () => {
  it('share no breaker', async () => {
    await using one = await start(ProviderController);
    await using other = await start(ProviderController);
    for (const path of ['one', 'two', 'three']) {
      for (let count = 0; count < 2; count += 1) await get(one, `provider/${path}?fail=1`);
      expect((await get(one, `provider/${path}`)).status).toBe(503);
      expect(await get(other, `provider/${path}`)).toEqual({ status: 200, body: 'answer' });
    }
    const [mine, theirs] = [one, other].map((app) => app.app.get(CircuitBreakerRegistry));
    expect(mine?.get('Upstream.ask')).not.toBe(theirs?.get('Upstream.ask'));
    expect(theirs?.get('Upstream.ask')?.status()).toMatchObject({ state: 'closed', tripCount: 0 });
  });
});
