export { redisBackend, type RedisBackendOptions, type RedisConnection } from './redis.backend.js';
export type { RedisClient } from './redis-client.js';
export type { Backend } from '../../contracts/backend.js';
