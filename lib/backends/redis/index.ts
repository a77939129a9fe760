export { redisBackend, type RedisBackendOptions, type RedisConnection } from './redis.backend.js';
export type { RedisClient } from './ioredis-client.js';
export type { RedisCredentials } from './owned-connection.js';
export type { Backend } from '../../contracts/backend.js';
