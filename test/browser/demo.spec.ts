import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { becomes, NO_SIDEWAYS_SCROLLING, openPage, startBrowser } from '../support/browser.js';
import { startSample } from '../support/sample-app.js';

/** Where the pictures go: to look at them, set SCREENSHOTS. */
const FOLDER = process.env['SCREENSHOTS'] ?? join(process.cwd(), 'test/browser/.screenshots');

/** Longest wait for what appears by itself: figures look back ten seconds, and the machine may be slow. */
const PATIENCE = { timeout: 30_000 };

let browser: Browser;

beforeAll(async () => {
  await mkdir(FOLDER, { recursive: true });
  browser = await startBrowser();
});

afterAll(() => browser?.close());

const says = (page: Page, id: string, text: string | RegExp) =>
  page.locator(`#${id}`, { hasText: text }).waitFor(PATIENCE);

const livePage = (page: Page) => page.frameLocator('#live');

/** Presses Tab until an element has the focus. */
async function tabTo(page: Page, id: string): Promise<void> {
  const focused = page.locator(`#${id}:focus`);
  for (let presses = 0; (await focused.count()) === 0; presses += 1) {
    if (presses > 10) throw new Error(`The keyboard does not reach ${id}`);
    await page.keyboard.press('Tab');
  }
}

/** Pictures in light and dark, wide and narrow; none may need sideways scrolling. */
async function take(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [390, 1_440]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 1_000 });
      await becomes(page, NO_SIDEWAYS_SCROLLING);
      const picture = await page.screenshot({
        path: join(FOLDER, `demo-${name}-${colorScheme}-${width}.png`),
        fullPage: true,
      });
      expect(picture.length).toBeGreaterThan(20_000);
    }
  }
}

/** The live page has no scroll bar of its own. */
const STANDS_IN_FULL = 'Math.abs(live.contentDocument.body.scrollHeight - live.clientHeight) < 10';

it('the start page shows the live page in full, even if its own script comes last', async () => {
  await using app = await startSample();
  await using watched = await openPage(browser, 'about:blank');
  const { page } = watched;
  await page.route('**/demo/page.js', async (route) => {
    await becomes(page, "live.contentWindow.performance.getEntriesByType('navigation')[0]?.loadEventEnd > 0");
    await route.continue();
  });
  await page.goto(app.url);
  await becomes(page, STANDS_IN_FULL);
});

it('the start page sends load, takes things away and brings them back, and shows what happens', async () => {
  await using app = await startSample();
  await using watched = await openPage(browser, app.url);
  const { page } = watched;
  await says(page, 'verdict', 'Calm: nothing is sent');
  await livePage(page).getByText('Live', { exact: true }).waitFor(PATIENCE);
  await becomes(page, STANDS_IN_FULL);
  await take(page, 'calm');

  await tabTo(page, 'steady');
  await page.keyboard.press('Enter');
  await says(page, 'steady', 'Stop the stream');
  await says(page, 'verdict', 'All calls are within their limits');
  await tabTo(page, 'burst');
  await page.keyboard.press('Space');
  await says(page, 'limited', /[1-9]/);
  await says(page, 'verdict', 'One client calls too often: it gets 429');
  await livePage(page).locator('#keys tr', { hasText: 'catalogue' }).waitFor(PATIENCE);
  await page.locator('#strips .l').first().waitFor(PATIENCE);
  await take(page, 'load');

  await page.getByRole('button', { name: 'Take the partner away' }).click(PATIENCE);
  await livePage(page)
    .locator('#breakers tr', { hasText: 'warehouse' })
    .getByText('open', { exact: true })
    .waitFor(PATIENCE);
  await page.getByRole('button', { name: 'Take the backend away' }).click(PATIENCE);
  await says(page, 'unavailable', /[1-9]/);
  await says(page, 'verdict', 'Backend away: limited routes answer 503');
  await livePage(page).locator('#verdict', { hasText: 'memory is down' }).waitFor(PATIENCE);
  await says(page, 'backend-state', 'memory: away, circuit open');
  await take(page, 'outage');

  await page.getByRole('button', { name: 'Bring the partner back' }).click(PATIENCE);
  await page.getByRole('button', { name: 'Bring the backend back' }).click(PATIENCE);
  await says(page, 'unavailable', /^0$/);
  await says(page, 'verdict', 'All calls are within their limits');
  await says(page, 'partner-state', 'up, circuit closed');
  await livePage(page).locator('#verdict', { hasText: 'All limits are enforced' }).waitFor(PATIENCE);

  expect(watched.complaints).toEqual([]);
  expect(watched.requests.filter((one) => !one.startsWith(`${app.url}/`))).toEqual([]);
});
