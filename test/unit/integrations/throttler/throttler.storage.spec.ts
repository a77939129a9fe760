import { createRequire } from 'node:module';
import { jest } from '@jest/globals';
import type { ThrottlerStorage } from '@nestjs/throttler';
import { memoryBackend } from '../../../../lib/backends/memory/memory.backend.js';
import { BackendUnavailableError } from '../../../../lib/contracts/errors.js';
import { FloodgateThrottlerStorage } from '../../../../lib/integrations/throttler/floodgate-throttler.storage.js';
import { manualClock } from '../../../support/manual-clock.js';
import { thrownBy } from '../../policies/thrown.js';

// The storage alone: the package requires Nest, which is ESM, and Jest on Node 20 cannot do that.
jest.mock('@nestjs/common', () => ({ Injectable: () => () => undefined }));
const require = createRequire(import.meta.url);
const { ThrottlerStorageService } = require('@nestjs/throttler/dist/throttler.service.js') as {
  ThrottlerStorageService: new () => ThrottlerStorage & { onApplicationShutdown(): void };
};

const HOUR_MS = 3_600_000;

function setUp() {
  const clock = manualClock();
  const storage = new FloodgateThrottlerStorage({ backend: memoryBackend({ clock }) });
  const hit = (limit = 2, ttl = 60_000, blockDuration = 0, name = 'default') =>
    storage.increment('key', ttl, limit, blockDuration, name);
  return { clock, storage, hit };
}

describe('a hit', () => {
  it('is told how many there are, and when the window that began with the first one ends', async () => {
    const { clock, hit } = setUp();
    expect(await hit()).toEqual({ totalHits: 1, timeToExpire: 60, isBlocked: false, timeToBlockExpire: 0 });
    clock.advance(30_000);
    expect(await hit()).toEqual({ totalHits: 2, timeToExpire: 30, isBlocked: false, timeToBlockExpire: 0 });
  });

  it('beyond the limit is refused until the first hit no longer counts, and not counted itself', async () => {
    const { clock, hit } = setUp();
    await hit();
    clock.advance(10_000);
    await hit();
    for (const _ of [1, 2]) {
      expect(await hit()).toEqual({ totalHits: 3, timeToExpire: 50, isBlocked: true, timeToBlockExpire: 50 });
    }
    clock.advance(50_000);
    expect(await hit()).toMatchObject({ totalHits: 2, isBlocked: false });
  });

  it('beyond the limit blocks the key for the block duration, after which the quota is fresh', async () => {
    const { clock, hit } = setUp();
    const blocking = () => hit(2, 10_000, 25_000);
    await blocking();
    await blocking();
    expect(await blocking()).toMatchObject({ totalHits: 3, isBlocked: true, timeToBlockExpire: 25 });
    clock.advance(24_999);
    expect(await blocking()).toMatchObject({ isBlocked: true, timeToBlockExpire: 1 });
    clock.advance(1);
    expect(await blocking()).toMatchObject({ totalHits: 1, isBlocked: false });
  });

  it('is told times in whole seconds of at least 1', async () => {
    const { hit } = setUp();
    expect(await hit(1, 50)).toMatchObject({ totalHits: 1, timeToExpire: 1 });
    expect(await hit(1, 50)).toMatchObject({ isBlocked: true, timeToBlockExpire: 1 });
  });

  it('is refused by a limit of 0', async () => {
    const { hit } = setUp();
    expect(await hit(0)).toEqual({ totalHits: 1, timeToExpire: 60, isBlocked: true, timeToBlockExpire: 60 });
  });

  it('counts for each throttler alone, whatever its name', async () => {
    const { hit } = setUp();
    for (const name of ['short', 'long', 'a name with spaces', 'ein Name mit Umlaut: ä', 'x'.repeat(200)]) {
      expect(await hit(2, 60_000, 0, name)).toMatchObject({ totalHits: 1 });
    }
  });

  it.each([[Number.POSITIVE_INFINITY], [1e12], [1_000_000]])('passes a limit of %d', async (limit) => {
    const { clock, hit } = setUp();
    for (const totalHits of [1, 2, 3]) expect(await hit(limit)).toMatchObject({ totalHits, isBlocked: false });
    clock.advance(60_000);
    expect(await hit(limit)).toMatchObject({ totalHits: 1, timeToExpire: 60 });
  });

  it('takes the limit and ttl of each request, broken numbers included', async () => {
    const { hit } = setUp();
    expect(await hit(1.9, 1_500.5)).toMatchObject({ totalHits: 1, timeToExpire: 2 });
    expect(await hit(1.9, 1_500.5)).toMatchObject({ totalHits: 2, isBlocked: true });
    expect(await hit(5, 1_500.5)).toMatchObject({ totalHits: 2, isBlocked: false });
  });
});

describe("beside throttler's own storage", () => {
  afterEach(() => jest.restoreAllMocks());

  it.each([
    ['without a block', 0],
    ['with a block as long as the window', 5_000],
    ['with a short block', 1_300],
    ['with a long block', 12_000],
  ])('decides alike over random hits, %s', async (_how, blockDuration) => {
    const { clock, storage } = setUp();
    jest.spyOn(Date, 'now').mockImplementation(clock);
    const own = new ThrottlerStorageService();
    let refusals = 0;
    let random = 42;
    for (let call = 0; call < 400; call += 1) {
      random = (random * 48_271) % 2_147_483_647;
      clock.advance(random % 1_500);
      const args = [`key-${random % 3}`, 5_000, 4, blockDuration, 'default'] as const;
      const [expected, actual] = [await own.increment(...args), await storage.increment(...args)];
      expect(actual.isBlocked).toBe(expected.isBlocked);
      if (actual.isBlocked) {
        refusals += 1;
        expect(actual.timeToBlockExpire).toBe(expected.timeToBlockExpire);
      } else expect(actual.totalHits).toBe(expected.totalHits);
      // A refused hit may begin throttler's window anew, and none of ours.
      if (refusals === 0) expect(actual.timeToExpire).toBe(expected.timeToExpire);
    }
    expect(refusals).toBeGreaterThan(10);
    own.onApplicationShutdown();
  });
});

describe('options', () => {
  it.each([
    ['nothing', undefined],
    ['no backend', {}],
    ['a backend that is none', { backend: {} }],
    ['an unknown option', { backend: memoryBackend(), prefix: 'x' }],
    ['a failure mode that does not exist', { backend: memoryBackend(), failureMode: 'ajar' }],
  ])('that are wrong stop the start: %s', (_what, options) => {
    expect(thrownBy(() => new FloodgateThrottlerStorage(options as never))).toMatchObject({
      code: 'RATE_LIMIT_CONFIGURATION',
    });
  });
});

describe('a backend of its own', () => {
  const opened = () => {
    const backend = memoryBackend();
    const [open, close] = [jest.fn(), jest.fn()];
    return { backend: Object.assign(backend, { open, close }), open, close };
  };

  it('is opened with the first hit, closed with the last application, and opened again for another', async () => {
    const { backend, open, close } = opened();
    const storage = new FloodgateThrottlerStorage({ backend });
    storage.onApplicationBootstrap();
    storage.onApplicationBootstrap();
    expect(open).not.toHaveBeenCalled();
    await storage.increment('key', HOUR_MS, 1, 0, 'default');
    expect(open).toHaveBeenCalledTimes(1);
    await storage.onApplicationShutdown();
    expect(close).not.toHaveBeenCalled();
    await storage.onApplicationShutdown();
    expect(close).toHaveBeenCalledTimes(1);
    await storage.increment('key', HOUR_MS, 1, 0, 'default');
    expect(open).toHaveBeenCalledTimes(2);
    await storage.onApplicationShutdown();
  });

  it('that is out of reach is 503, with what a filter needs for Retry-After', async () => {
    const backend = memoryBackend();
    backend.consume = () => {
      throw new BackendUnavailableError({ backend: 'secret', retryAfterMs: 1_200 });
    };
    const storage = new FloodgateThrottlerStorage({ backend });
    const failed = storage.increment('key', HOUR_MS, 1, 0, 'default');
    await expect(failed).rejects.toMatchObject({ status: 503, code: 'BACKEND_UNAVAILABLE', retryAfterMs: 1_200 });
    await expect(failed).rejects.not.toThrow('secret');
  });

  it('that has a bug is no outage', async () => {
    const backend = memoryBackend();
    backend.consume = () => {
      throw new TypeError('a bug');
    };
    const storage = new FloodgateThrottlerStorage({ backend, failureMode: 'open' });
    await expect(storage.increment('key', HOUR_MS, 1, 0, 'default')).rejects.toThrow(TypeError);
  });
});
