export { redisBackend, type RedisBackendOptions } from './redis.backend.js';
export type { RedisConnection } from './redis-connection.js';
export type { RedisClient } from './ioredis-client.js';
export type { GlideClient } from './glide-client.js';
export type { NodeRedisClient } from './node-redis-client.js';
export type { RedisCredentials } from './owned-connection.js';
export { redisPolicyStore, type RedisPolicyStoreOptions } from './redis.policy-store.js';
export type { PolicyStore } from '../../contracts/policy-store.js';
export type { Backend } from '../../contracts/backend.js';
