import { type Browser, chromium, type Page } from 'playwright-core';
import { eventually } from './eventually.js';

/** Chromium on its own: nothing is fetched, updated or reported. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-dev-shm-usage',
  '--disable-extensions',
  '--disable-sync',
  '--no-first-run',
];

export const startBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: process.env['CHROMIUM_BIN'] ?? '/usr/bin/chromium', args: ARGS, headless: true });

export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /** What the console and the page's own errors said. */
  readonly complaints: readonly string[];
  /** Every address that was asked for. */
  readonly requests: readonly string[];
}

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
}

/** Opens a page of its own, and watches what it asks for and complains of. */
export async function openPage(browser: Browser, url: string, options: PageOptions = {}): Promise<WatchedPage> {
  const { width = 1_440, height = 1_000, dark = false } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    serviceWorkers: 'block',
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, complaints, requests, [Symbol.asyncDispose]: () => context.close() };
}

/** A condition for `becomes`. */
export const NO_SIDEWAYS_SCROLLING = 'document.documentElement.scrollWidth <= innerWidth';

/** Waits for a condition of a page, which may have to draw itself anew first. */
export async function becomes(page: Page, condition: string): Promise<void> {
  await eventually(() => page.evaluate<boolean>(condition), { what: condition, timeoutMs: 30_000 });
}
