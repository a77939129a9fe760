import { Controller, Get, type INestApplication, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Backend, memoryBackend, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { type Platform, platforms, startHttpApp } from '../support/http-app.js';
import { responsesOf, responseTo } from './console-session.js';
import { RunnableBlocks } from './runnable-blocks.js';

const pages = ['policies', 'keys', 'health', 'backend-service'] as const;
const blocks = Object.fromEntries(
  await Promise.all(pages.map(async (page) => [page, await RunnableBlocks.of(`docs/${page}.md`)] as const)),
) as Record<(typeof pages)[number], RunnableBlocks>;
afterAll(() => Promise.all(Object.values(blocks).map((page) => page[Symbol.asyncDispose]())));

@Controller('cats')
class CatsController {
  @RateLimit('3/m')
  @Get()
  all(): string[] {
    return ['Tybalt', 'Macavity'];
  }
}

async function statuses(url: string, requests: readonly RequestInit[]): Promise<number[]> {
  const found: number[] = [];
  for (const request of requests) found.push((await fetch(url, request)).status);
  return found;
}

describe.each(platforms)('the guides on %s', (platform: Platform) => {
  const HEADERS = ['Content-Type', 'RateLimit-Policy', 'RateLimit', 'Retry-After'];
  const [problem, outage] = responsesOf('docs/headers.md');

  it('show a 429 with problem details', async () => {
    const imports = [RateLimitModule.forRoot({ problemDetails: true })];
    await using app = await startHttpApp(platform, { imports, controllers: [CatsController] });
    expect(await responseTo(`${app.url}/cats`, 4, HEADERS)).toBe(problem);
  });

  it('show the response while no backend can decide', async () => {
    const down = (): never => {
      throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
    };
    const verbs = { consume: down, peek: down, refund: down, reset: down, ping: down, close: () => undefined };
    const backend: Backend = { ...memoryBackend(), name: 'down', ...verbs };
    const imports = [RateLimitModule.forRoot({ backend })];
    await using app = await startHttpApp(platform, { imports, controllers: [CatsController] });
    expect(await responseTo(`${app.url}/cats`, 1, HEADERS.slice(1))).toBe(outage);
  });

  it('have a shop whose limits are as its comments say', async () => {
    const { ShopModule } = await blocks.policies.exportsOf<{ ShopModule: Type }>('shop.ts');
    await using app = await startHttpApp(platform, ShopModule);
    const policiesOf = async (path: string): Promise<string | undefined> =>
      (await fetch(`${app.url}/shop/${path}`)).headers.get('ratelimit-policy')?.replaceAll(/;[^,]*/g, '');
    const search = (await (await fetch(`${app.url}/shop/search?pages=9`)).json()) as unknown;
    expect(search).toContainEqual({ name: '30/m', remaining: 21 });
    expect(await policiesOf('search')).toBe('"api", "shop", "30/m"');
    expect(await policiesOf('books')).toBe('"api", "shop"');
    expect(await policiesOf('offers')).toBe('"api", "shop"');
    expect(await policiesOf('terms')).toBeUndefined();
    const logins = new Array<RequestInit>(6).fill({ method: 'POST' });
    expect(await statuses(`${app.url}/shop/login/ann`, logins)).toEqual([201, 201, 201, 201, 201, 429]);
    expect(await statuses(`${app.url}/shop/login/bob`, logins.slice(5))).toEqual([201]);
  });

  it('have a limiter behind the guard that authenticates, so that it limits users', async () => {
    const { OrdersModule } = await blocks.keys.exportsOf<{ OrdersModule: Type }>('guards.ts');
    await using app = await startHttpApp(platform, OrdersModule);
    const as = (user: string): RequestInit => ({ headers: { authorization: user } });
    expect(await statuses(`${app.url}/orders`, [as('ann'), as('ann'), as('ann'), as('bob'), {}])).toEqual([
      200, 200, 429, 200, 403,
    ]);
  });

  it('trust the proxies that are named, and no other', async () => {
    type Starters = Record<'onExpress' | 'onFastify', () => Promise<INestApplication>>;
    const start = await blocks.keys.exportsOf<Starters>('main.ts');
    const app = await start[platform === 'express' ? 'onExpress' : 'onFastify']();
    try {
      await app.listen(0, '127.0.0.1');
      const from = (addresses: string): RequestInit => ({ headers: { 'x-forwarded-for': addresses } });
      const ann = ['198.51.100.1', 'forged, 198.51.100.1', '192.0.2.9, 198.51.100.1, 10.1.2.3', '198.51.100.1'];
      const calls = [...ann, '198.51.100.2'].map(from);
      expect(await statuses(`${await app.getUrl()}/cats`, calls)).toEqual([200, 200, 200, 429, 200]);
    } finally {
      await app.close();
    }
  });

  it('have a health check', async () => {
    const { HealthModule } = await blocks.health.exportsOf<{ HealthModule: Type }>('health.ts');
    await using app = await startHttpApp(platform, { imports: [RateLimitModule.forRoot(), HealthModule] });
    expect(await (await fetch(`${app.url}/health`)).json()).toMatchObject({
      status: 'ok',
      details: { 'rate-limit': { status: 'up', backends: { memory: { state: 'closed' } } } },
    });
  });
});

describe('the guide to BackendService', () => {
  interface Mailer {
    send(tenant: string, recipients: readonly string[]): Promise<string>;
  }

  interface Assistant {
    answer(user: string, ask: () => Promise<{ text: string; tokens: number }>): Promise<string>;
  }

  async function provided<T>(fileName: string, name: string): Promise<{ service: T } & AsyncDisposable> {
    const type = (await blocks['backend-service'].exportsOf<Record<string, Type<T & object>>>(fileName))[name]!;
    const context = await NestFactory.createApplicationContext(
      { module: class {}, imports: [RateLimitModule.forRoot()], providers: [type] },
      { logger: false },
    );
    return { service: context.get<T & object>(type), [Symbol.asyncDispose]: () => context.close() };
  }

  it('has a mailer that is limited by the recipients of a day', async () => {
    await using mailer = await provided<Mailer>('mailer.ts', 'Mailer');
    const many = new Array<string>(300).fill('someone');
    expect(await mailer.service.send('acme', many)).toBe('Sent 300');
    expect(await mailer.service.send('acme', many)).toMatch(/^Try again in \d+ ms$/);
  });

  it('has an assistant that charges what an answer took, and nothing for one that failed', async () => {
    await using assistant = await provided<Assistant>('assistant.ts', 'Assistant');
    const { service } = assistant;
    const answer = (tokens: number): Promise<string> => service.answer('ann', async () => ({ text: 'yes', tokens }));
    for (let call = 0; call < 60; call += 1) {
      await expect(service.answer('ann', () => Promise.reject(new Error('no model')))).rejects.toThrow('no model');
    }
    expect(await answer(99_000)).toBe('yes');
    await expect(answer(1)).rejects.toMatchObject({ status: 429 });
  });
});
