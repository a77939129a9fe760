import { redisPolicyStore } from 'nestjs-floodgate/redis';
import { RedisServer } from '../../support/redis-server.js';
import { describePolicyStore } from '../describe-policy-store.js';

describePolicyStore('Redis', async () => {
  const redis = await RedisServer.start();
  return {
    store: () => redisPolicyStore({ url: redis.url }),
    freeze: () => redis.freeze(),
    thaw: () => redis.thaw(),
    put: (document) => redis.exec('SET', 'floodgate:policies', document),
    clear: () => redis.exec('FLUSHALL'),
    stop: () => redis.stop(),
  };
});
