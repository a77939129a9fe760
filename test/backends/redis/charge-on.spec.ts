import { setTimeout as after } from 'node:timers/promises';
import { Body, Controller, Post, UnauthorizedException } from '@nestjs/common';
import { BackendService, type FailureMode, RateLimit, RateLimitModule, routeLimits } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { eventually } from '../../support/eventually.js';
import { type HttpApp, platforms, startHttpApp, type Platform } from '../../support/http-app.js';
import { RedisServer } from '../../support/redis-server.js';

const LIMIT = 5;

let redis: RedisServer;
let tried = 0;
let tests = 0;

@Controller()
class LoginController {
  @RateLimit({ name: 'logins', rate: `${LIMIT}/h`, key: 'global', chargeOn: 'failure' })
  @Post('login')
  async login(@Body('password') password: string): Promise<string> {
    tried += 1;
    await after(5);
    if (password !== 'right') throw new UnauthorizedException();
    return 'welcome';
  }
}

beforeAll(async () => (redis = await RedisServer.start()));

beforeEach(() => {
  tried = 0;
  tests += 1;
});

afterAll(() => redis.stop());

/** An application; all of a test share their counters. */
const start = (platform: Platform, failureMode: FailureMode = 'closed'): Promise<HttpApp> =>
  startHttpApp(platform, {
    imports: [
      RateLimitModule.forRoot({
        backend: redisBackend({ url: redis.url, keyPrefix: `logins-${tests}:` }),
        failureMode,
        timeout: failureMode === 'closed' ? '10s' : '200ms',
        circuitBreaker: { failureThreshold: 1, recoveryTimeout: '1h' },
      }),
    ],
    controllers: [LoginController],
  });

const login = async ({ url }: HttpApp, password: string): Promise<number> => {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/login`, { method: 'POST', headers, body: JSON.stringify({ password }) });
  await response.arrayBuffer();
  return response.status;
};

const leftOf = async ({ app }: HttpApp): Promise<number> => {
  const decision = await app.get(BackendService).peek('global', routeLimits(LoginController, 'login'));
  return decision.policies[0]?.remaining ?? -1;
};

describe.each(platforms)('logins that are counted in Redis, on %s', (platform) => {
  it('refuses nobody for units that another process only reserved and gave back', async () => {
    await using one = await start(platform);
    await using other = await start(platform);
    // The right passwords of one process reserve the whole limit, while the other one asks once.
    const refused = async (): Promise<boolean> => {
      const reserving = Array.from({ length: 2 * LIMIT }, () => login(one, 'right'));
      await after(2);
      const status = await login(other, 'right');
      await Promise.all(reserving);
      return status === 429;
    };
    await eventually(refused, { what: 'a login meets reserved units', timeoutMs: 20_000 });
    await eventually(async () => (await leftOf(one)) === LIMIT, { timeoutMs: 20_000 });
    expect(await login(other, 'right')).toBe(201);
  });

  it('lets exactly 5 of 50 parallel wrong passwords be tried, by two processes, and right ones are free', async () => {
    await using one = await start(platform);
    await using other = await start(platform);
    for (let call = 0; call < 2 * LIMIT; call += 1) expect(await login(one, 'right')).toBe(201);
    await eventually(async () => (await leftOf(one)) === LIMIT, { timeoutMs: 20_000 });
    tried = 0;
    const statuses = await Promise.all(Array.from({ length: 50 }, (_, call) => login(call % 2 ? one : other, 'wrong')));
    expect(statuses.filter((status) => status === 401)).toHaveLength(LIMIT);
    expect(statuses.filter((status) => status === 429)).toHaveLength(50 - LIMIT);
    expect(tried).toBe(LIMIT);
    expect(await login(one, 'right')).toBe(429);
  });
});

describe('logins while Redis is dead', () => {
  beforeAll(() => redis.kill());
  afterAll(() => redis.restart());

  it('are charged by their outcome in memory, in failure mode local', async () => {
    await using app = await start('express', 'local');
    for (let call = 0; call < 2 * LIMIT; call += 1) expect(await login(app, 'right')).toBe(201);
    await eventually(async () => (await leftOf(app)) === LIMIT);
    tried = 0;
    const statuses = await Promise.all(Array.from({ length: 50 }, () => login(app, 'wrong')));
    expect(statuses.filter((status) => status === 401)).toHaveLength(LIMIT);
    expect(tried).toBe(LIMIT);
    expect(await login(app, 'right')).toBe(429);
  });

  it('pass uncounted, in failure mode open', async () => {
    await using app = await start('express', 'open');
    const statuses = await Promise.all(Array.from({ length: 20 }, () => login(app, 'wrong')));
    expect(statuses).toEqual(Array.from({ length: 20 }, () => 401));
    expect(await login(app, 'right')).toBe(201);
  });
});
