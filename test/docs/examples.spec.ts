import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expectLimited } from 'nestjs-floodgate/testing';
import { AppModule as Login } from '../../examples/login.js';
import { AppModule as Partner, Quotes } from '../../examples/partner.js';
import { AppModule as Plans } from '../../examples/plans.js';
import { AppModule as Tokens } from '../../examples/tokens.js';
import { platforms, startHttpApp } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import { textOf } from './markdown.js';

const post = (body: object): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

test('there are five examples of less than 40 lines', () => {
  const files = readdirSync('examples').filter((name) => name.endsWith('.ts'));
  expect(files).toHaveLength(5);
  for (const file of files) expect(textOf(`examples/${file}`).split('\n').length).toBeLessThanOrEqual(40);
});

describe.each(platforms)('the examples on %s', (platform) => {
  test('login: wrong passwords are limited by account', async () => {
    await using app = await startHttpApp(platform, Login);
    const login = (email: string, password: string) => fetch(`${app.url}/login`, post({ email, password }));
    for (let call = 0; call < 6; call += 1) expect((await login('ann@example.org', 'correct')).status).toBe(201);
    await expectLimited(() => login('ann@example.org', 'wrong'), { after: 5 });
    expect((await login('ann@example.org', 'correct')).status).toBe(429);
    expect((await login('bob@example.org', 'correct')).status).toBe(201);
  });

  test('plans: each has its limit', async () => {
    await using app = await startHttpApp(platform, Plans);
    const reports = (plan: string) => fetch(`${app.url}/reports`, { headers: { 'x-plan': plan } });
    await expectLimited(() => reports('free'), { after: 3 });
    expect((await reports('enterprise')).headers.has('ratelimit-policy')).toBe(false);
  });

  test('tokens: an answer costs what it costs', async () => {
    await using app = await startHttpApp(platform, Tokens);
    const ask = (prompt: string) => fetch(`${app.url}/chat`, post({ prompt }));
    await expectLimited(() => ask('x'.repeat(16)), { after: 3 });
    expect((await ask('x')).status).toBe(429);
  });

  test('partner: a quote is there while the partner fails', async () => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(500).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    Quotes.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      await using app = await startHttpApp(platform, Partner);
      for (let call = 0; call < 5; call += 1) {
        expect(await (await fetch(`${app.url}/quote`)).text()).toBe('the last known quote');
      }
      expect(seen).toHaveLength(3);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

test('outage: limits hold with Redis and without', async () => {
  await using redis = await RedisServer.start();
  const before = process.env['REDIS_URL'];
  process.env['REDIS_URL'] = redis.url;
  try {
    const { AppModule } = await import('../../examples/outage.js');
    await using app = await startHttpApp('express', AppModule);
    // One call that Redis counts; a refusal of Redis would hold in the outage, too, until its time is over.
    expect((await fetch(`${app.url}/cats`)).status).toBe(200);
    expect(await redis.exec('DBSIZE')).not.toBe(0);
    await redis.kill();
    await expectLimited(() => fetch(`${app.url}/cats`), { after: 3 });
  } finally {
    if (before === undefined) delete process.env['REDIS_URL'];
    else process.env['REDIS_URL'] = before;
  }
});
