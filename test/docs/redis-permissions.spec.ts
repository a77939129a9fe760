import { readFileSync } from 'node:fs';
import { Test } from '@nestjs/testing';
import { BackendService, CircuitBreakerRegistry, RateLimitModule } from 'nestjs-floodgate';
import { redisBackend, redisBreakerState } from 'nestjs-floodgate/redis';
import { eventually } from '../support/eventually.js';
import { RedisServer } from '../support/redis-server.js';

const [line = ''] = readFileSync('docs/redis.md', 'utf8')
  .split('\n')
  .filter((one) => one.startsWith('- **Permissions.**'));
const [, rules = ''] = /`ACL SETUSER limiter (.+?)`/.exec(line) ?? [];
const [, forBreakers = ''] = /`redisBreakerState` needs more: add `(.+?)`/.exec(line) ?? [];

it('the permissions in docs/redis.md are enough for the backend and the breaker state, and keep the ACL LOG clean', async () => {
  await using redis = await RedisServer.start();
  await redis.exec('ACL', 'SETUSER', 'limiter', ...rules.replace('>password', '>pw').split(' '), '+ping');
  await redis.exec('ACL', 'SETUSER', 'limiter', ...forBreakers.split(' '));
  const url = redis.url.replace('redis://', 'redis://limiter:pw@');
  const module = RateLimitModule.forRoot({
    backend: redisBackend({ url }),
    breakerState: redisBreakerState({ url }),
    timeout: '10s',
  });
  const app = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication();
  await app.init();
  const service = app.get(BackendService);
  for (let call = 0; call < 3; call += 1) await service.consume('user:1', '2/m');
  await service.reset('user:1', '2/m');
  const breaker = app.get(CircuitBreakerRegistry).create('Shop.pay', { failureThreshold: 1, recoveryTimeout: '50ms' });
  await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => undefined);
  await eventually(() => breaker.execute(() => Promise.resolve(true)), { what: 'the circuit closes by a probe' });
  await app.close();
  expect(await redis.exec('ACL', 'LOG')).toEqual([]);
});
