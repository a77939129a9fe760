import { RateLimitConfigurationError } from '../../../../lib/contracts/errors.js';
import { redisBackend, type RedisBackendOptions } from '../../../../lib/backends/redis/redis.backend.js';

const CLIENT = { status: 'ready', isCluster: false, evalshaBuffer: () => null, evalBuffer: () => null };

describe('redisBackend', () => {
  it.each([
    ['none', {}],
    ['a client and a url', { url: 'redis://localhost', client: CLIENT }],
    ['a client and credentials', { client: CLIENT, credentials: () => ({ password: 'x' }) }],
    ['credentials alone', { credentials: () => ({ password: 'x' }) }],
    ['credentials that are no function', { url: 'redis://localhost', credentials: 'secret' }],
    ['something that is no client', { client: { get: () => null } }],
  ])('refuses %s where it needs one client, url or connection', (_what, options) => {
    expect(() => redisBackend(options as unknown as RedisBackendOptions)).toThrow(RateLimitConfigurationError);
  });

  it.each([
    [{ keyPrefix: 'a:' }, 'received an object with keyPrefix. None of client, url and connection is given'],
    [{ client: CLIENT, url: 'redis://localhost' }, 'client and url are both given'],
    [
      { client: CLIENT, url: 'redis://localhost', credentials: () => ({ password: 'x' }) },
      'client, url and credentials are all given',
    ],
  ])('says what is given of %j, and how to mend it', (options, expected) => {
    const make = (): unknown => redisBackend(options as unknown as RedisBackendOptions);
    expect(make).toThrow(expected);
    expect(make).toThrow("Give a client, or { url: 'redis://localhost:6379' }");
  });
});
