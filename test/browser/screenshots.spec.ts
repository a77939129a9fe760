import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { Controller, Get, Param } from '@nestjs/common';
import { CircuitBreaker, failoverBackend, memoryBackend, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { RateLimitDashboardModule } from 'nestjs-floodgate/dashboard';
import { openPage, startBrowser } from '../support/browser.js';
import { startHttpApp } from '../support/http-app.js';
import { refused, ScriptedBackend } from '../unit/limiter/failover/scripted-backend.js';

/** Where the pictures go: to look at them, set SCREENSHOTS. */
const FOLDER = process.env['SCREENSHOTS'] ?? join(process.cwd(), 'test/browser/.screenshots');

@Controller()
class Shop {
  @RateLimit('catalogue', { name: 'tighter', rate: '40/m', mode: 'shadow', key: 'param:client' })
  @Get('books/:client')
  books(): string {
    return 'books';
  }

  @RateLimit('login')
  @Get('login/:client')
  login(): string {
    return 'in';
  }

  @CircuitBreaker({ name: 'warehouse', failureThreshold: 3, recoveryTimeout: '1h', fallback: () => 'unknown' })
  @Get('stock/:client')
  stock(@Param('client') client: string): string {
    if (client === 'down') throw new Error('The warehouse does not answer');
    return 'stock';
  }
}

let browser: Browser;

beforeAll(async () => {
  await mkdir(FOLDER, { recursive: true });
  browser = await startBrowser();
});

afterAll(() => browser.close());

it('pictures of calm, load and outage, in light and dark, wide and narrow', async () => {
  const store = new ScriptedBackend('redis', { async: true });
  await using http = await startHttpApp('express', {
    imports: [
      RateLimitModule.forRoot({
        backend: failoverBackend([store, memoryBackend()]),
        policies: {
          api: { rate: '600/m', key: 'param:client' },
          catalogue: { rate: '60/m', key: 'param:client' },
          login: { rate: '5/15m', key: 'param:client', blockFor: '15m' },
        },
        apply: ['api'],
        circuitBreaker: { failureThreshold: 3, recoveryTimeout: '1h' },
      }),
      RateLimitDashboardModule.forRoot({ actions: true, showKeys: false, history: '1m' }),
    ],
    controllers: [Shop],
  });
  const call = (path: string): Promise<Response> => fetch(http.url + path);
  const take = async (name: string): Promise<void> => {
    await using watched = await openPage(browser, `${http.url}/floodgate`);
    const { page } = watched;
    await page.getByText('Live', { exact: true }).waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [1_440, 390]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 1_000 });
        const picture = await page.screenshot({
          path: join(FOLDER, `${name}-${colorScheme}-${width}.png`),
          fullPage: true,
        });
        expect(picture.length).toBeGreaterThan(20_000);
      }
    }
    expect(watched.complaints).toEqual([]);
  };
  const rounds = async (count: number, paths: readonly string[]): Promise<void> => {
    for (let round = 0; round < count; round += 1) {
      await Promise.all(paths.map(call));
      await delay(100);
    }
  };
  await take('calm');
  await rounds(30, ['/books/ann', '/books/ann', '/books/ben', '/books/kim', '/login/mallory', '/stock/ann']);
  await take('load');
  store.error = refused();
  await rounds(15, ['/books/ben', '/books/kim', '/stock/down']);
  await take('outage');
});
