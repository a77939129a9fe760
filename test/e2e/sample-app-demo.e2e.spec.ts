import { request } from 'node:http';
import { eventually } from '../support/eventually.js';
import type { HttpApp } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { startSample } from '../support/sample-app.js';
import { expectNoUnhandled } from '../support/unhandled.js';

const ACTIONS = ['partner/down', 'partner/up', 'backend/down', 'backend/up', 'load/start', 'load/stop', 'load/burst'];

const statusOf = async (app: HttpApp, path: string): Promise<number> => (await fetch(`${app.url}${path}`)).status;

async function act(app: HttpApp, action: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${app.url}/demo/${action}`, { method: 'POST' });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

/** With headers that `fetch` does not let anyone set. */
function statusWith(app: HttpApp, method: string, path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(`${app.url}${path}`, { method, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject).end();
  });
}

interface Load {
  readonly steady: boolean;
  readonly recent: Readonly<Record<'answered' | 'limited' | 'unavailable' | 'failed', number>>;
  readonly clients: readonly { readonly client: string; readonly strip: string }[];
}

const loadOf = async (app: HttpApp): Promise<Load> => (await (await fetch(`${app.url}/demo/load`)).json()) as Load;

describe('who may use the demo', () => {
  const foreign: readonly (readonly [string, Record<string, string>])[] = [
    ['a page of another site', { origin: 'https://evil.example' }],
    ['a page of another port', { origin: 'http://127.0.0.1:1' }],
    ['a page without an origin', { origin: 'null' }],
    ['a form of another site', { 'sec-fetch-site': 'cross-site' }],
    ['a form of a sister site', { 'sec-fetch-site': 'same-site' }],
    ['a name that leads to this machine', { host: 'evil.example' }],
    ['a name like this machine', { host: '127.0.0.1.evil.example' }],
    ['somebody behind a proxy', { 'x-forwarded-for': '192.0.2.1' }],
  ];

  let app: HttpApp;

  beforeAll(async () => {
    app = await startSample();
  });
  afterAll(() => app.close());

  it.each(foreign)('is not %s', async (_who, headers) => {
    for (const action of ACTIONS) expect(await statusWith(app, 'POST', `/demo/${action}`, headers)).toBe(403);
    expect(await statusWith(app, 'GET', '/demo/stream', headers)).toBe(403);
    expect(await (await fetch(`${app.url}/demo/partner`)).json()).toMatchObject({ partner: 'up' });
    expect(await (await fetch(`${app.url}/demo/backend`)).json()).toMatchObject({ backend: 'up' });
  });

  it('is its own page, and a command on this machine', async () => {
    const own = { origin: app.url, 'sec-fetch-site': 'same-origin' };
    expect(await statusWith(app, 'POST', '/demo/partner/down', own)).toBe(200);
    expect(await act(app, 'partner/up')).toMatchObject({ partner: 'up' });
  });

  it('is nobody who only follows a link', async () => {
    expect(await statusOf(app, '/demo/backend/down')).toBe(404);
    expect(await statusOf(app, '/books')).toBe(200);
  });
});

describe('the start page', () => {
  it('has a strict policy, and its files', async () => {
    await using app = await startSample();
    const page = await fetch(app.url);
    expect(page.status).toBe(200);
    const policy = page.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    const html = await page.text();
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\son[a-z]+=|\sstyle=|https?:/);
    for (const [, path] of html.matchAll(/(?:href|src)="(\/[^"]*)"/g))
      expect([path, await statusOf(app, path!)]).toEqual([path, 200]);
  });
});

describe('what the demo takes away', () => {
  it('on memory, and brings back: by itself, at once, and with the counts as they were', () =>
    expectNoUnhandled(async () => {
      await using app = await startSample();
      for (let call = 0; call < 20; call += 1) expect(await statusOf(app, '/books')).toBe(200);
      expect(await act(app, 'backend/down')).toEqual({ backend: 'down', name: 'memory', breaker: 'closed' });
      for (let call = 0; call < 5; call += 1) expect(await statusOf(app, '/books')).toBe(503);
      expect(await statusOf(app, '/health')).toBe(503);
      expect(await act(app, 'backend/up')).toEqual({ backend: 'up', name: 'memory', breaker: 'open' });
      // Within the five seconds for which a backend without a connection of its own would be left alone.
      expect(await statusOf(app, '/search')).toBe(200);
      expect(await (await fetch(`${app.url}/search`)).json()).toMatchObject({ pagesLeft: 28 });
      expect(await statusOf(app, '/health')).toBe(200);
    }));

  it('is Redis for real: no connection is left, and none is made', () =>
    expectNoUnhandled(async () => {
      await using redis = await RedisServer.start();
      await using app = await startSample({ REDIS_URL: redis.url });
      const clients = async (): Promise<string | undefined> =>
        /^connected_clients:(\d+)/m.exec(String(await redis.exec('INFO', 'clients')))?.[1];
      await eventually(async () => (await statusOf(app, '/books')) === 200, { what: 'Redis is connected' });
      expect(await clients()).toBe('2');

      expect(await act(app, 'backend/down')).toMatchObject({ backend: 'down', name: 'redis' });
      await eventually(async () => (await statusOf(app, '/books')) === 503, { what: 'Redis is away' });
      for (let call = 0; call < 3; call += 1) expect(await statusOf(app, '/books')).toBe(503);
      await eventually(async () => (await clients()) === '1', { what: 'only the connection of the test is left' });
      expect(await statusOf(app, '/health')).toBe(503);

      await act(app, 'backend/up');
      await eventually(async () => (await statusOf(app, '/books')) === 200, {
        what: 'Redis is back',
        timeoutMs: 10_000,
      });
      expect(await clients()).toBe('2');
    }));
});

describe('the load of the demo', () => {
  it('is a burst of one client, of which twenty calls pass', async () => {
    await using app = await startSample();
    await act(app, 'load/burst');
    await eventually(
      async () => {
        const { recent } = await loadOf(app);
        return recent.answered + recent.limited === 60;
      },
      { timeoutMs: 9_000, what: 'all sixty are decided' },
    );
    const { recent, clients } = await loadOf(app);
    // Where a window slides meanwhile, a few more may pass.
    expect(recent.answered).toBeGreaterThanOrEqual(20);
    expect(recent.limited).toBeGreaterThan(20);
    expect(recent).toMatchObject({ unavailable: 0, failed: 0 });
    expect(clients.map(({ client, strip }) => [client, /[a-z]/i.test(strip)])).toEqual([
      ['ann', false],
      ['ben', false],
      ['kim', false],
      ['mallory', true],
    ]);
    expect(clients[3]?.strip).toMatch(/^-*[aAlL]+-*$/);
    expect(clients[3]?.strip).toMatch(/[lL]/);
  });

  it('is a stream within the limits, until it is stopped', async () => {
    await using app = await startSample();
    expect(await act(app, 'load/start')).toMatchObject({ steady: true });
    await eventually(async () => (await loadOf(app)).recent.answered >= 3, { timeoutMs: 10_000 });
    await act(app, 'backend/down');
    await eventually(async () => (await loadOf(app)).recent.unavailable >= 3, { timeoutMs: 10_000 });
    expect(await act(app, 'load/stop')).toMatchObject({ steady: false });
    expect((await loadOf(app)).recent).toMatchObject({ limited: 0, failed: 0 });
  });

  it('does not keep the application from closing', async () => {
    await using app = await startSample();
    await act(app, 'load/start');
    await act(app, 'load/burst');
    const stream = await fetch(`${app.url}/demo/stream`);
    const chunks = stream.body!.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]();
    let told = '';
    while (!told.includes('\n\n')) told += String((await chunks.next()).value);
    expect(told).toContain('"failureMode":"closed"');
    const closing = performance.now();
    await app.close();
    // A connection that is still open is cut after five.
    expect(performance.now() - closing).toBeLessThan(4_500);
    while ((await chunks.next()).done !== true);
  });
});
