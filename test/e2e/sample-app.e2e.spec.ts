import { eventually } from '../support/eventually.js';
import type { HttpApp } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { startSample } from '../support/sample-app.js';
import { expectNoUnhandled } from '../support/unhandled.js';

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

async function ask(app: HttpApp, path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${app.url}${path}`, init);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const post = (app: HttpApp, path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> =>
  ask(app, path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

async function statuses(times: number, call: () => Promise<Answer>): Promise<number[]> {
  const found: number[] = [];
  for (let count = 0; count < times; count += 1) found.push((await call()).status);
  return found;
}

const times = <T>(count: number, value: T): T[] => new Array<T>(count).fill(value);

describe('the sample application on memory', () => {
  it('limits the catalogue as a whole, beside what the API allows in all', async () => {
    await using app = await startSample();
    const first = await ask(app, '/books');
    expect(first.status).toBe(200);
    expect(first.headers.get('ratelimit-policy')).toBe('"api";q=100;w=60, "catalogue";q=20;w=10');
    expect(await statuses(19, () => ask(app, '/books/1'))).toEqual(times(19, 200));
    // Where a window turned meanwhile, and the machine is slow, one more may pass.
    expect(await statuses(5, () => ask(app, '/books'))).toContain(429);
  });

  it('ends the guessing of one password, and lets others log in', async () => {
    await using app = await startSample();
    const guess = (): Promise<Answer> => post(app, '/login', { account: 'George', password: 'harris' });
    expect(await statuses(5, guess)).toEqual(times(5, 401));
    const refused = await guess();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('900');
    expect(refused.body).toMatchObject({ message: 'Too many attempts for this account. Wait a while.' });
    expect((await post(app, '/login', { account: 'harris', password: 'x' })).status).toBe(401);
  });

  it('logs in who knows the password', async () => {
    await using app = await startSample();
    const answer = await post(app, '/login', { account: 'george', password: 'montmorency' });
    expect(answer).toMatchObject({ status: 200, body: { welcome: 'george' } });
  });

  it('charges a search by its pages', async () => {
    await using app = await startSample();
    const answer = await ask(app, '/search?q=boat&pages=10');
    expect(answer.body).toEqual({
      found: [{ id: 3, title: 'Three Men in a Boat', author: 'Jerome K. Jerome' }],
      pagesLeft: 20,
    });
    expect(await statuses(3, () => ask(app, '/search?pages=10'))).toEqual([200, 200, 429]);
  });

  it.each(['-5', '1.5', 'x', '1e99', ''])('takes %p pages for a number within bounds', async (pages) => {
    await using app = await startSample();
    expect((await ask(app, `/search?pages=${pages}`)).status).toBe(200);
  });

  it('charges a summary what it took, by reader, and refuses what may take more than is left', async () => {
    await using app = await startSample();
    const summarise = (reader: string): Promise<Answer> => post(app, '/books/3/summary', {}, { 'x-reader': reader });
    const first = await summarise('ann');
    const { words, wordsLeft } = first.body as { words: number; wordsLeft: number };
    expect(first.status).toBe(201);
    expect(words).toBeGreaterThan(0);
    expect(wordsLeft).toBe(1_000 - words);
    expect((await summarise('bob')).body).toMatchObject({ wordsLeft });
    // The estimate of 400 must fit, so about 600 words can be used up.
    const answers = await statuses(Math.ceil(1_000 / words), () => summarise('ann'));
    expect(answers).toContain(201);
    expect(answers.at(-1)).toBe(429);
  });

  it('stops asking a partner that fails, and answers without it', async () => {
    await using app = await startSample();
    const stock = async (): Promise<unknown> => (await ask(app, '/books/1/stock')).body;
    expect(await stock()).toEqual({ copies: 7 });
    await post(app, '/demo/partner/down');
    for (let call = 0; call < 5; call += 1) expect(await stock()).toEqual({ copies: 'unknown' });
    expect((await ask(app, '/demo/partner')).body).toEqual({ partner: 'down', calls: 4, breaker: 'open' });
  });

  it('is healthy, and does not limit who asks', async () => {
    await using app = await startSample();
    const answer = await ask(app, '/health');
    expect(answer).toMatchObject({
      status: 200,
      body: { status: 'ok', details: { 'rate-limit': { status: 'up', backends: { memory: { state: 'closed' } } } } },
    });
    expect(answer.headers.get('ratelimit')).toBeNull();
  });

  it('refuses to start with a failure mode that does not exist, and says which do', async () => {
    await expect(startSample({ FAILURE_MODE: 'ajar' })).rejects.toThrow(
      "failureMode: received 'ajar'. Give one of 'closed', 'open', 'local'.",
    );
  });
});

describe('the sample application on Redis', () => {
  const health = async (app: HttpApp): Promise<unknown> => {
    const { body } = await ask(app, '/health');
    const check = (body as { details: { 'rate-limit': { status: string; degraded?: true } } }).details['rate-limit'];
    // Terminus 11 has no such status.
    return check.degraded ? 'degraded' : check.status;
  };

  it('answers 503 while Redis is dead, and limits again when it is back, without a restart', async () => {
    await using redis = await RedisServer.start();
    await using app = await startSample({ REDIS_URL: redis.url, RECOVERY_TIMEOUT: '200ms' });
    await expectNoUnhandled(async () => {
      await eventually(async () => (await ask(app, '/books')).status === 200, { what: 'Redis is connected' });
      expect(await health(app)).toBe('up');

      await redis.kill();
      const refused = await ask(app, '/books');
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      expect(refused.body).toEqual({ statusCode: 503, message: 'Service Unavailable' });
      expect(await statuses(3, () => ask(app, '/books'))).toEqual(times(3, 503));
      expect(await health(app)).toBe('down');
      expect((await ask(app, '/demo/partner')).status).toBe(200);

      await redis.restart();
      await eventually(async () => (await health(app)) === 'up', { what: 'the circuit is closed', timeoutMs: 10_000 });
      expect(await statuses(20, () => ask(app, '/books'))).toEqual(times(20, 200));
      expect(await statuses(5, () => ask(app, '/books'))).toContain(429);
      expect(await redis.keysWithoutExpiry()).toEqual([]);
    });
  });

  it('answers without limits while Redis is dead when it fails open, and says so', async () => {
    await using redis = await RedisServer.start();
    await using app = await startSample({ REDIS_URL: redis.url, FAILURE_MODE: 'open', RECOVERY_TIMEOUT: '1m' });
    await eventually(async () => (await ask(app, '/books')).headers.has('ratelimit'), { what: 'Redis is connected' });
    await redis.kill();
    const answers = await statuses(30, () => ask(app, '/books'));
    expect(answers).toEqual(times(30, 200));
    expect((await ask(app, '/books')).headers.get('ratelimit')).toBeNull();
    expect(await health(app)).toBe('degraded');
  });

  it('starts while Redis is down', async () => {
    await using redis = await RedisServer.start();
    await redis.kill();
    await using app = await startSample({ REDIS_URL: redis.url, RECOVERY_TIMEOUT: '200ms' });
    expect((await ask(app, '/books')).status).toBe(503);
    await redis.restart();
    await eventually(async () => (await ask(app, '/books')).status === 200, { timeoutMs: 10_000 });
  });
});
