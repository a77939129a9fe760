import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
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
    for (const dark of [false, true]) {
      for (const width of [1_440, 390]) {
        await using watched = await openPage(browser, `${http.url}/floodgate`, { dark, width });
        await watched.page.getByText('Live', { exact: true }).waitFor();
        await watched.page.screenshot({
          path: join(FOLDER, `${name}-${dark ? 'dark' : 'light'}-${width}.png`),
          fullPage: true,
        });
      }
    }
  };
  await take('calm');
  for (let round = 0; round < 40; round += 1) {
    await Promise.all(
      ['ann', 'ben', 'kim'].flatMap((client, index) => [
        call(`/books/${client}`),
        index === 0 ? call('/login/mallory') : call(`/stock/${client}`),
        call('/books/ann'),
      ]),
    );
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  await take('load');
  store.error = refused();
  for (let round = 0; round < 20; round += 1) {
    await Promise.all([call('/books/ben'), call('/books/kim'), call('/stock/down')]);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  await take('outage');
}, 120_000);
