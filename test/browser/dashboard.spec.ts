import type { Browser, Page } from 'playwright-core';
import { Controller, Get, Param } from '@nestjs/common';
import { CircuitBreakerRegistry, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { RateLimitDashboardModule, type RateLimitDashboardOptions } from 'nestjs-floodgate/dashboard';
import { becomes, NO_SIDEWAYS_SCROLLING, openPage, startBrowser } from '../support/browser.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { type HttpApp, type Platform, platforms, startHttpApp } from '../support/http-app.js';
import { refused, ScriptedBackend } from '../unit/limiter/failover/scripted-backend.js';

/** What somebody may call himself. */
const HOSTILE = '<img src=x onerror="document.title=1">';

/** Longest wait for what appears by itself: the page is told each second, and the machine may be slow. */
const PATIENCE = { timeout: 15_000 };

@Controller()
class Shop {
  @RateLimit('books')
  @Get('books/:client')
  books(): string {
    return 'books';
  }

  @RateLimit({ name: 'tried', rate: '1/m', mode: 'shadow' })
  @Get('tried')
  tried(@Param() _params: unknown): string {
    return 'tried';
  }
}

const start = (
  platform: Platform,
  backend: ScriptedBackend,
  dashboard: RateLimitDashboardOptions = {},
): Promise<HttpApp> =>
  startHttpApp(platform, {
    imports: [
      RateLimitModule.forRoot({
        backend,
        policies: { books: { rate: '3/m', key: 'param:client' } },
        failureMode: 'open',
        circuitBreaker: { failureThreshold: 1, recoveryTimeout: '1h' },
      }),
      RateLimitDashboardModule.forRoot(dashboard),
    ],
    controllers: [Shop],
  });

const call = (http: HttpApp, path: string): Promise<Response> => fetch(http.url + path);

/** The cell of a row under a heading. */
const cell = (page: Page, table: string, row: string, column: string) =>
  page.locator(`#${table} tr`, { hasText: row }).locator(`td[data-label="${column}"]`);

const says = (page: Page, id: string, text: string) => page.locator(`#${id}`, { hasText: text }).waitFor(PATIENCE);

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});

afterAll(() => browser?.close());

describe.each(platforms)('the page on %s', (platform) => {
  it('moves with traffic, and tells of an outage and of its end by itself', async () => {
    const backend = new ScriptedBackend('store', { async: true });
    await using http = await start(platform, backend);
    await using watched = await openPage(browser, `${http.url}/floodgate`);
    const { page } = watched;
    await says(page, 'stream', 'Live');
    await says(page, 'verdict', 'All limits are enforced');
    await says(page, 'policies', 'No call has met a policy yet');

    for (let time = 0; time < 5; time += 1) await call(http, '/books/ann');
    for (let time = 0; time < 2; time += 1) await call(http, '/tried');
    await cell(page, 'policies', 'books', 'Allowed').filter({ hasText: '3' }).waitFor(PATIENCE);
    await cell(page, 'policies', 'books', 'Limited').filter({ hasText: '2' }).waitFor(PATIENCE);
    await cell(page, 'shadow', 'tried', 'Would refuse').filter({ hasText: '1' }).waitFor(PATIENCE);
    const sentence = 'It would have refused 50 % of 2 calls: 1 call of 1 client; 2/m would refuse none.';
    await cell(page, 'shadow', 'tried', 'If it enforced').filter({ hasText: sentence }).waitFor(PATIENCE);
    await cell(page, 'keys', 'books', 'Refused lately').filter({ hasText: '2' }).waitFor(PATIENCE);
    // Nobody's key is readable.
    expect(await page.content()).not.toContain('ann');

    backend.error = refused();
    await call(http, '/books/ben');
    await says(page, 'verdict', 'store is down: calls pass without limits');
    await cell(page, 'backends', 'store', 'State').filter({ hasText: 'down for' }).waitFor(PATIENCE);
    await cell(page, 'breakers', 'backend:store', 'State').filter({ hasText: 'open' }).waitFor(PATIENCE);
    await page.locator('#backends .strip-down').waitFor(PATIENCE);
    await says(page, 'uncounted', 'failed open: 1');

    backend.error = undefined;
    http.app.get(CircuitBreakerRegistry).resetAll();
    await call(http, '/books/ben');
    await says(page, 'verdict', 'All limits are enforced');
    await cell(page, 'backends', 'store', 'State').filter({ hasText: 'up' }).waitFor(PATIENCE);

    expect(watched.complaints).toEqual([]);
    expect(watched.requests.filter((one) => !one.startsWith(`${http.url}/floodgate`))).toEqual([]);
  });
});

describe('the page', () => {
  it('goes on after a restart of the server', async () => {
    const port = await freePort();
    const module = (): Parameters<typeof startHttpApp>[1] => ({
      imports: [RateLimitModule.forRoot({ policies: { books: '3/m' } }), RateLimitDashboardModule.forRoot()],
      controllers: [Shop],
    });
    const listen = async (): Promise<HttpApp> => startHttpApp('express', module(), undefined, { port });
    const first = await listen();
    await using watched = await openPage(browser, `${first.url}/floodgate`);
    await says(watched.page, 'stream', 'Live');
    await first.close();
    await says(watched.page, 'stream', 'Connection lost');
    await using second = await listen();
    await call(second, '/books/ann');
    await says(watched.page, 'stream', 'Live');
    await cell(watched.page, 'policies', 'books', 'Allowed').filter({ hasText: '1' }).waitFor(PATIENCE);
  });

  it('shows hostile names as text', async () => {
    await using http = await start('express', new ScriptedBackend(HOSTILE), { showKeys: true });
    await using watched = await openPage(browser, `${http.url}/floodgate`);
    for (let time = 0; time < 5; time += 1) await call(http, `/books/${encodeURIComponent(HOSTILE)}`);
    await says(watched.page, 'keys', HOSTILE);
    await says(watched.page, 'backends', HOSTILE);
    expect(await watched.page.locator('img').count()).toBe(0);
    expect(await watched.page.title()).toBe('Floodgate');
    expect(watched.complaints).toEqual([]);
  });

  it('acts by keyboard, and keeps the focus where it is while everything moves', async () => {
    await using http = await start('express', new ScriptedBackend('store'), { actions: true });
    await using watched = await openPage(browser, `${http.url}/floodgate`);
    const { page } = watched;
    for (let time = 0; time < 5; time += 1) await call(http, '/books/ann');
    await cell(page, 'keys', 'books', 'Refused lately').filter({ hasText: '2' }).waitFor(PATIENCE);

    const focused = page.locator('#keys tbody tr:first-child button:focus');
    for (let presses = 0; (await focused.count()) === 0; presses += 1) {
      if (presses > 40) throw new Error('The keyboard does not reach the button');
      await page.keyboard.press('Tab');
    }
    // Another client overtakes the first: its row would stand above, but not while the keyboard is here.
    for (let time = 0; time < 9; time += 1) await call(http, '/books/ben');
    await eventually(async () => (await page.locator('#keys tbody tr').count()) === 2, { timeoutMs: 15_000 });
    expect(await focused.count()).toBe(1);

    await page.keyboard.press('Enter');
    await says(page, 'notice', 'done');
    await eventually(async () => (await call(http, '/books/ann')).status === 200);
    expect(watched.complaints).toEqual([]);
  });

  it('overrides a limit and puts a policy into shadow', async () => {
    await using http = await start('express', new ScriptedBackend('store'), { actions: true });
    await using watched = await openPage(browser, `${http.url}/floodgate`);
    const { page } = watched;
    await call(http, '/books/ann');
    await page.getByLabel('Policy').last().fill('books');
    await page.getByLabel('Key or pattern').fill('param:client:ann');
    await page.getByLabel('Limit', { exact: true }).fill('blocked');
    await page.getByRole('button', { name: 'Override' }).click(PATIENCE);
    await says(page, 'notice', 'done');
    expect((await call(http, '/books/ann')).status).toBe(429);
    await page.getByRole('button', { name: 'Put books into shadow' }).click(PATIENCE);
    await says(page, 'notice', 'Put books into shadow: done');
    expect((await call(http, '/books/ann')).status).toBe(200);
    expect(watched.complaints).toEqual([]);
  });

  it('shows one policy in the chart, and all of them again', async () => {
    await using http = await start('express', new ScriptedBackend('store'));
    await using watched = await openPage(browser, `${http.url}/floodgate`);
    const { page } = watched;
    await call(http, '/books/ann');
    await call(http, '/tried');
    const button = page.getByRole('button', { name: 'books' });
    await button.click(PATIENCE);
    expect(await page.locator('#shown').inputValue()).toBe('books');
    expect(await button.getAttribute('aria-pressed')).toBe('true');
    await page.locator('#shown').selectOption('');
    expect(await button.getAttribute('aria-pressed')).toBe('false');
    expect(await page.locator('#traffic canvas').count()).toBe(1);
  });

  it.each([390, 320])('needs no sideways scrolling at %i px', async (width) => {
    await using http = await start('express', new ScriptedBackend('store-with-a-rather-long-name-in-production'), {
      actions: true,
    });
    await using watched = await openPage(browser, `${http.url}/floodgate`, { width });
    for (let time = 0; time < 5; time += 1) await call(http, '/books/ann');
    await says(watched.page, 'keys', 'books');
    await becomes(watched.page, NO_SIDEWAYS_SCROLLING);
  });
});
