import {
  type ArgumentsHost,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  Inject,
  Injectable,
  Module,
  UseGuards,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test, type TestingModuleBuilder } from '@nestjs/testing';
import {
  BackendService,
  BackendUnavailableError,
  BackendUnavailableFilter,
  memoryBackend,
  RateLimit,
  RateLimitGuard,
  RateLimitModule,
  type RateLimitModuleAsyncOptions,
  type RateLimitModuleOptions,
  type RateLimitOptionsFactory,
} from 'nestjs-floodgate';
import { type HttpApp, platforms, startHttpApp } from '../support/http-app.js';

@Controller()
class CatsController {
  @RateLimit('named')
  @Get('cats')
  cats(): string {
    return 'cats';
  }
}

@Controller()
class InlineController {
  @RateLimit('1/m')
  @Get('inline')
  inline(): string {
    return 'inline';
  }
}

@UseGuards(RateLimitGuard)
@Controller('guarded')
class GuardedController extends InlineController {}

const OPTIONS: RateLimitModuleOptions = { policies: { named: '2/m' } };

@Injectable()
class Config {
  readonly rate = '2/m';
}

@Module({ providers: [Config], exports: [Config] })
class ConfigModule {}

@Injectable()
class OptionsFactory implements RateLimitOptionsFactory {
  constructor(@Inject(Config) private readonly config: Config) {}
  createRateLimitOptions(): RateLimitModuleOptions {
    return { policies: { named: this.config.rate } };
  }
}

@Module({ imports: [ConfigModule], providers: [OptionsFactory], exports: [OptionsFactory] })
class FactoryModule {}

@Catch(BackendUnavailableError)
class TeapotFilter implements ExceptionFilter<BackendUnavailableError> {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}
  catch(_error: BackendUnavailableError, host: ArgumentsHost): void {
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), 'teapot', 418);
  }
}

async function statuses(app: HttpApp, path: string, count: number): Promise<readonly number[]> {
  const all: number[] = [];
  for (let time = 0; time < count; time += 1) all.push((await fetch(app.url + path)).status);
  return all;
}

describe.each(platforms)('RateLimitModule on %s', (platform) => {
  it.each<[string, RateLimitModuleAsyncOptions]>([
    [
      'useFactory',
      {
        imports: [ConfigModule],
        inject: [Config, { token: 'nothing', optional: true }],
        useFactory: async (config: Config) => ({ policies: { named: config.rate } }),
      },
    ],
    ['useClass', { imports: [ConfigModule], useClass: OptionsFactory }],
    ['useExisting', { imports: [FactoryModule], useExisting: OptionsFactory }],
  ])('takes its options later, by %s', async (_way, options) => {
    await using app = await startHttpApp(platform, {
      imports: [RateLimitModule.forRootAsync(options)],
      controllers: [CatsController],
    });
    expect(await statuses(app, '/cats', 3)).toEqual([200, 200, 429]);
  });

  it.each<[string, () => unknown, string]>([
    ['no way', () => RateLimitModule.forRootAsync({}), 'Give one of useFactory, useClass and useExisting'],
    [
      'wrong options',
      () => RateLimitModule.forRootAsync({ useFactory: () => ({ timeout: 0 }) }),
      'timeout: received 0',
    ],
    [
      'no options',
      () => RateLimitModule.forRootAsync({ useFactory: () => undefined as never }),
      'options: received undefined',
    ],
    ['a wrong policy', () => RateLimitModule.forRoot({ policies: { a: '5/minute' } }), 'policies.a'],
  ])('does not start with %s', async (_what, imported, message) => {
    await expect(
      (async () => startHttpApp(platform, { imports: [imported() as typeof RateLimitModule] }))(),
    ).rejects.toThrow(message);
  });

  it('does not start with a decorator that names no policy', async () => {
    await expect(
      startHttpApp(platform, { imports: [RateLimitModule.forRoot()], controllers: [CatsController] }),
    ).rejects.toThrow("@RateLimit() of CatsController.cats: received 'named'");
  });

  it('is seen only by those who import it, when it is not global', async () => {
    const floodgate = RateLimitModule.forRoot({ ...OPTIONS, isGlobal: false });
    @Injectable()
    class Consumer {
      constructor(@Inject(BackendService) readonly backend: BackendService) {}
    }
    @Module({ imports: [floodgate], providers: [Consumer] })
    class Importing {}
    @Module({ providers: [Consumer] })
    class NotImporting {}
    await using app = await startHttpApp(platform, { imports: [floodgate, Importing] });
    expect(app.app.get(Consumer, { strict: false }).backend).toBeInstanceOf(BackendService);
    await expect(startHttpApp(platform, { imports: [floodgate, NotImporting] })).rejects.toThrow(/BackendService/);
  });

  it.each([true, false])('guards only where it is told to without bindGuard (isGlobal: %p)', async (isGlobal) => {
    const floodgate = RateLimitModule.forRoot({ bindGuard: false, isGlobal });
    @Module({ imports: isGlobal ? [] : [floodgate], controllers: [GuardedController] })
    class Feature {}
    await using app = await startHttpApp(platform, { imports: [floodgate, Feature], controllers: [InlineController] });
    expect(await statuses(app, '/inline', 3)).toEqual([200, 200, 200]);
    expect(await statuses(app, '/guarded/inline', 2)).toEqual([200, 429]);
  });

  it('keeps two applications of one process apart', async () => {
    const start = (rate: string): Promise<HttpApp> =>
      startHttpApp(platform, {
        imports: [RateLimitModule.forRoot({ policies: { named: rate } })],
        controllers: [CatsController, InlineController],
      });
    await using one = await start('1/m');
    await using other = await start('3/m');
    expect(await statuses(one, '/cats', 2)).toEqual([200, 429]);
    expect(await statuses(other, '/cats', 4)).toEqual([200, 200, 200, 429]);
    expect(await statuses(one, '/inline', 2)).toEqual([200, 429]);
    expect(await statuses(other, '/inline', 2)).toEqual([200, 429]);
  });

  it('closes its backend when the application closes, once', async () => {
    const backend = memoryBackend();
    let closed = 0;
    backend.close = () => void (closed += 1);
    const app = await startHttpApp(platform, { imports: [RateLimitModule.forRoot({ backend })] });
    expect(closed).toBe(0);
    await app.close();
    expect(closed).toBe(1);
  });

  it('lets a test replace the guard and the filter that are bound', async () => {
    const backend = memoryBackend();
    backend.consume = () => {
      throw new BackendUnavailableError({ backend: 'memory' });
    };
    const compiled = (): TestingModuleBuilder =>
      Test.createTestingModule({
        imports: [RateLimitModule.forRoot({ ...OPTIONS, backend })],
        controllers: [CatsController],
      });
    const guard: CanActivate = { canActivate: () => true };
    const replaced: [TestingModuleBuilder, number][] = [
      [compiled(), 503],
      [compiled().overrideProvider(RateLimitGuard).useValue(guard), 200],
      [compiled().overrideProvider(BackendUnavailableFilter).useClass(TeapotFilter), 418],
    ];
    for (const [builder, status] of replaced) {
      const module = await builder.compile();
      const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
      const app = module.createNestApplication(adapter, { logger: false });
      await app.listen(0, '127.0.0.1');
      try {
        expect((await fetch(`${await app.getUrl()}/cats`)).status).toBe(status);
      } finally {
        await app.close();
      }
    }
  });
});
