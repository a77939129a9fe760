import { All, Controller, Get, Module, Param, Post, Version, VersioningType } from '@nestjs/common';
import { type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { NestFactory, RouterModule } from '@nestjs/core';
import { ApiResponse, DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { RateLimit, RateLimitModule, type RateLimitModuleOptions, SkipRateLimit } from 'nestjs-floodgate';
import { documentRateLimits } from 'nestjs-floodgate/openapi';
import { RateLimitPrometheusModule } from 'nestjs-floodgate/prometheus';

@Controller('cats')
class Cats {
  @RateLimit({ name: 'listing', rate: '20/10s' }, { name: 'tried', rate: '1/m', mode: 'shadow' })
  @Get()
  all(): void {}

  @SkipRateLimit()
  @Get('free')
  free(): void {}

  @RateLimit({ name: 'bucket', rate: '30/m', algorithm: 'token-bucket', burst: 60, failureMode: 'open' })
  @SkipRateLimit('api')
  @ApiResponse({ status: 429, description: 'Too many cats.' })
  @Get(':id/kittens/:kitten')
  kitten(@Param('id') _id: string, @Param('kitten') _kitten: string): void {}

  @RateLimit(() => '5/m')
  @Post()
  add(): void {}

  @All('any')
  any(): void {}
}

@Controller({ path: 'dogs', version: '2' })
class Dogs {
  @Get()
  all(): void {}

  @Version(['3', '4'])
  @RateLimit('9/s')
  @Get('many')
  many(): void {}
}

@Module({ controllers: [Dogs] })
class DogsModule {}

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

interface Setting {
  readonly options?: RateLimitModuleOptions;
  readonly configure?: (app: INestApplication) => void;
  readonly document?: Parameters<typeof SwaggerModule.createDocument>[2];
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
}

/** A document with its limits, made before the application starts, as is usual. */
async function documented({ options, configure, document, imports = [] }: Setting = {}): Promise<OpenAPIObject> {
  const limits = RateLimitModule.forRoot({ policies: { api: '100/m' }, apply: ['api'], ...options });
  @Module({ imports: [limits, ...imports], controllers: [Cats] })
  class App {}
  const app = await NestFactory.create(App, { logger: false });
  try {
    configure?.(app);
    return documentRateLimits(SwaggerModule.createDocument(app, new DocumentBuilder().build(), document), app);
  } finally {
    await app.close();
  }
}

const limitsOf = (operation: Operation | undefined): unknown =>
  (operation as unknown as Record<string, unknown> | undefined)?.['x-rate-limits'];

const namesOf = (operation: Operation | undefined): unknown =>
  (limitsOf(operation) as { name?: string }[] | undefined)?.map(({ name }) => name);

describe('documentRateLimits', () => {
  it('tells limits, responses and headers of each limited operation', async () => {
    const { paths } = await documented();
    const list = paths['/cats']?.get;
    expect(limitsOf(list)).toEqual([
      { name: 'api', limit: 100, windowMs: 60_000, algorithm: 'sliding-window' },
      { name: 'listing', limit: 20, windowMs: 10_000, algorithm: 'sliding-window' },
    ]);
    expect(Object.keys(list!.responses).sort()).toEqual(['200', '429', '503']);
    const headers = ({ responses }: Operation, status: string): string[] =>
      Object.keys((responses[status] as { headers?: object }).headers ?? {});
    expect(headers(list!, '200')).toEqual(['RateLimit-Policy', 'RateLimit']);
    expect(headers(list!, '429')).toEqual(['RateLimit-Policy', 'RateLimit', 'Retry-After']);
    expect(headers(list!, '503')).toEqual(['Retry-After']);
  });

  it('leaves operations without a limit as they are', async () => {
    const { paths } = await documented();
    expect(limitsOf(paths['/cats/free']?.get)).toBeUndefined();
    expect(Object.keys(paths['/cats/free']!.get!.responses)).toEqual(['200']);
  });

  it('finds paths with parameters, keeps what is written, and tells no 503 where calls pass in an outage', async () => {
    const { paths } = await documented();
    const kitten = paths['/cats/{id}/kittens/{kitten}']!.get!;
    expect(limitsOf(kitten)).toEqual([
      { name: 'bucket', limit: 30, windowMs: 60_000, algorithm: 'token-bucket', burst: 60 },
    ]);
    expect(kitten.responses['429']).toMatchObject({
      description: 'Too many cats.',
      headers: { 'Retry-After': expect.anything() },
    });
    expect(kitten.responses['503']).toBeUndefined();
  });

  it('tells of limits that are found at each call, and of every method of a route', async () => {
    const { paths } = await documented();
    expect(limitsOf(paths['/cats']?.post)).toEqual([expect.objectContaining({ name: 'api' }), { dynamic: true }]);
    expect(namesOf(paths['/cats/any']?.delete)).toEqual(['api']);
  });

  it.each<[string, Setting, string]>([
    ['a global prefix', { configure: (app) => void app.setGlobalPrefix('api') }, '/api/cats'],
    [
      'a global prefix that the document leaves out',
      { configure: (app) => void app.setGlobalPrefix('api'), document: { ignoreGlobalPrefix: true } },
      '/cats',
    ],
    [
      'versions in the path',
      { configure: (app) => void app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }) },
      '/v1/cats',
    ],
    ['a router', { imports: [DogsModule, RouterModule.register([{ path: 'zoo', module: DogsModule }])] }, '/zoo/dogs'],
    [
      'a router, a prefix and versions',
      {
        imports: [DogsModule, RouterModule.register([{ path: 'zoo', module: DogsModule }])],
        configure: (app) => void app.setGlobalPrefix('api').enableVersioning({ type: VersioningType.URI }),
      },
      '/api/v4/zoo/dogs/many',
    ],
  ])('finds operations under %s', async (_what, setting, path) => {
    const { paths } = await documented(setting);
    expect(namesOf(paths[path]?.get)).toContain('api');
  });

  it.each([
    ['legacy', ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset']],
    [false, []],
  ] as const)('tells the headers of style %s', async (headers, names) => {
    const { paths } = await documented({ options: { headers } });
    expect(Object.keys((paths['/cats']!.get!.responses['200'] as { headers?: object }).headers ?? {})).toEqual(names);
  });

  it('tells problem details where the application answers with them', async () => {
    const { paths } = await documented({ options: { problemDetails: true } });
    expect(paths['/cats']!.get!.responses['429']).toMatchObject({
      content: { 'application/problem+json': expect.anything() },
    });
  });

  it('tells nothing while the limiter is switched off', async () => {
    const { paths } = await documented({ options: { enabled: false } });
    expect(limitsOf(paths['/cats']?.get)).toBeUndefined();
  });

  it('finds no metrics page among the operations', async () => {
    const { paths } = await documented({ imports: [RateLimitPrometheusModule.forRoot()] });
    expect(Object.keys(paths)).not.toContain('/metrics');
  });

  it('says what is missing without RateLimitModule', async () => {
    @Module({ controllers: [Cats] })
    class Bare {}
    const app = await NestFactory.create(Bare, { logger: false });
    const document = SwaggerModule.createDocument(app, new DocumentBuilder().build());
    expect(() => documentRateLimits(document, app)).toThrow(/Import RateLimitModule/);
    await app.close();
  });
});
