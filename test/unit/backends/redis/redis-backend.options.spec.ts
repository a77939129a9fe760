import { RateLimitConfigurationError } from '../../../../lib/contracts/errors.js';
import { redisBackend, type RedisBackendOptions } from '../../../../lib/backends/redis/redis.backend.js';

describe('redisBackend', () => {
  it.each([
    ['none', {}],
    ['two', { url: 'redis://localhost', connection: {} }],
    ['something that is no client', { client: { get: () => null } }],
  ])('refuses %s where it needs one client, url or connection', (_what, options) => {
    expect(() => redisBackend(options as unknown as RedisBackendOptions)).toThrow(RateLimitConfigurationError);
  });
});
