import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import {
  type Backend,
  memoryBackend,
  RateLimitConfigurationError,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { logMistake } from '../../../lib/limiter/mistake-log.js';
import { refused } from './failover/scripted-backend.js';
import { limiterApp } from './limiter-app.js';

let lines: (readonly [string, unknown])[];

beforeEach(() => {
  lines = [];
  for (const level of ['error', 'warn'] as const) {
    jest.spyOn(Logger.prototype, level).mockImplementation(function (this: Logger, line: unknown) {
      lines.push([`${level}: ${String(line)}`, (this as unknown as { context?: string }).context]);
    });
  }
});

afterEach(() => jest.restoreAllMocks());

const settled = (): Promise<unknown> => new Promise(setImmediate);

describe('a backend that another process uses with other quotas', () => {
  type Compare = NonNullable<Backend['otherQuotas']>;

  async function start(otherQuotas: Compare | undefined, options: RateLimitModuleOptions = {}) {
    const backend = Object.assign(memoryBackend(), otherQuotas && { otherQuotas });
    return limiterApp({ backend, policies: { api: '3/m', login: '5/m' }, ...options });
  }

  it('is compared once, with the first call, and each difference is logged', async () => {
    const asked: (readonly string[])[] = [];
    const compare: Compare = async (policies, signal) => {
      asked.push(policies.map(({ name }) => name));
      expect(signal.aborted).toBe(false);
      return ["'api' is 4/m there.", "'login' is 6/m there."];
    };
    await using app = await start(compare);
    expect(asked).toEqual([]);
    await app.service.consume('someone', 'api');
    await app.service.consume('someone', 'api');
    await settled();
    expect(asked).toEqual([['api', 'login']]);
    expect(lines).toEqual([
      ["warn: Backend 'memory': 'api' is 4/m there.", 'RateLimit'],
      ["warn: Backend 'memory': 'login' is 6/m there.", 'RateLimit'],
    ]);
  });

  it('may answer at once', async () => {
    await using app = await start((() => ["'api' is 4/m there."]) as unknown as Compare);
    await app.service.consume('someone', 'api');
    await settled();
    expect(lines).toHaveLength(1);
  });

  it('need not be able to compare, or to answer', async () => {
    for (const compare of [undefined, () => Promise.reject(refused())]) {
      await using app = await start(compare);
      expect((await app.service.consume('someone', 'api')).allowed).toBe(true);
      await settled();
    }
    expect(lines).toEqual([]);
  });

  it('is not asked for a module without policies', async () => {
    const asked: unknown[] = [];
    const compare: Compare = async (policies) => (asked.push(policies), []);
    await using app = await start(compare, { policies: {} });
    await app.service.consume('someone', '3/m');
    await settled();
    expect(asked).toEqual([]);
  });
});

describe('a backend at the start of an application', () => {
  const never = new AbortController().signal;
  const pinging = (ping: Backend['ping']): Backend => Object.assign(memoryBackend(), { ping });

  it('is logged with a mistake of its configuration', async () => {
    const mistake = new RateLimitConfigurationError('redis.user', 'x', 'Allow it to run scripts.');
    await logMistake(
      pinging(() => Promise.reject(mistake)),
      never,
    );
    expect(lines).toEqual([
      ["error: Backend 'memory' cannot decide: redis.user: received 'x'. Allow it to run scripts.", 'RateLimit'],
    ]);
  });

  it.each([
    ['answers', (): void => undefined],
    ['is away, of which the calls tell', () => Promise.reject(refused())],
    [
      'fails at once',
      (): never => {
        throw refused();
      },
    ],
  ])('is not logged if it %s', async (_what, ping) => {
    await logMistake(pinging(ping), never);
    expect(lines).toEqual([]);
  });

  it('is asked until the application ends', async () => {
    const stopped = new AbortController();
    let signal = never;
    await logMistake(
      pinging((given) => void (signal = given)),
      stopped.signal,
    );
    expect(signal.aborted).toBe(false);
    stopped.abort();
    expect(signal.aborted).toBe(true);
  });
});
