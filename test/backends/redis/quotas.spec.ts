import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { BackendService, RateLimitModule, RateLimitPolicies, type PolicyOptions } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { eventually } from '../../support/eventually.js';
import { RedisServer } from '../../support/redis-server.js';

/** How long a warning that must not come is waited for, in ms. */
const SILENCE_MS = 200;

describe('processes that count one policy by different quotas', () => {
  let server: RedisServer;
  let warnings: string[];

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  beforeEach(async () => {
    await server.exec('FLUSHALL');
    warnings = [];
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((message: unknown) => void warnings.push(String(message)));
  });

  afterEach(() => jest.restoreAllMocks());

  afterAll(() => server.stop());

  /** One process: it charges a policy `api` as often as it is told. */
  async function processWith(api: PolicyOptions, { calls = 1, keyPrefix = 'floodgate:' } = {}): Promise<void> {
    const backend = redisBackend({ url: server.url, keyPrefix });
    const app = await NestFactory.createApplicationContext(
      RateLimitModule.forRoot({ backend, policies: { api }, timeout: '5s' }),
      {
        logger: ['warn'],
      },
    );
    for (let call = 0; call < calls; call += 1) await app.get(BackendService).consume(`user:${call}`, 'api');
    await app.close();
  }

  const silence = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, SILENCE_MS));

  it('are told once, with both quotas and what to do', async () => {
    await processWith({ limit: 100, window: '1m' });
    await processWith({ limit: 200, window: '1m' }, { calls: 5 });
    await eventually(() => warnings.length > 0, { what: 'the second process is told' });
    await silence();
    expect(warnings).toEqual([
      expect.stringMatching(
        /^Backend 'redis': The policy 'api' counts 200 per 60 s by sliding-window here, and another process counted 100 per 60 s by sliding-window .*give each service a keyPrefix/,
      ),
    ]);
    expect(warnings.join()).not.toContain('user:');
  });

  it.each([
    [
      'the same quota',
      [
        { limit: 100, window: '1m' },
        { limit: 100, window: '60s' },
      ],
      {},
    ],
    [
      'a quota of another algorithm, which has a counter of its own',
      [
        { limit: 1, window: '1m' },
        { limit: 2, window: '1m', algorithm: 'fixed-window' },
      ],
      {},
    ],
    [
      'a keyPrefix of its own',
      [
        { limit: 100, window: '1m' },
        { limit: 200, window: '1m' },
      ],
      { keyPrefix: 'other:' },
    ],
  ] as const)('are not told of %s', async (_what, [first, second], more) => {
    await processWith(first);
    await processWith(second, more);
    await silence();
    expect(warnings).toEqual([]);
  });

  it('are not told of a quota that was changed at run time', async () => {
    const app = await NestFactory.createApplicationContext(
      RateLimitModule.forRoot({ backend: redisBackend({ url: server.url }), policies: { api: '100/m' } }),
      { logger: ['warn'] },
    );
    const service = app.get(BackendService);
    await service.consume('user:1', 'api');
    await app.get(RateLimitPolicies).set('api', '1000/m');
    await service.consume('user:vip', 'api');
    await app.close();
    await processWith({ limit: 100, window: '1m' });
    await silence();
    expect(warnings).toEqual([]);
  });

  it('are compared for a day, in a key that ends by itself', async () => {
    await processWith({ limit: 100, window: '1m' });
    await eventually(async () => Number(await server.exec('PTTL', 'floodgate:quotas')) > 0, { what: 'the key' });
    expect(Number(await server.exec('PTTL', 'floodgate:quotas'))).toBeLessThanOrEqual(24 * 60 * 60_000);
  });

  it('count all the same where the comparison fails', async () => {
    await server.exec('SET', 'floodgate:quotas', 'no JSON');
    await processWith({ limit: 100, window: '1m' }, { calls: 3 });
    await silence();
    expect(warnings).toEqual([]);
  });
});
