import { failoverBackend } from '../../lib/limiter/failover.backend.js';
import { memoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { redisBackend } from '../../lib/backends/redis/redis.backend.js';
import { describeConformance } from '../../lib/testing/conformance.js';
import { manualClock } from '../support/manual-clock.js';
import { RedisServer } from '../support/redis-server.js';
import { refused, ScriptedBackend } from '../unit/limiter/failover/scripted-backend.js';

const clock = manualClock();

const member = (name: string) => memoryBackend({ clock, name });

describeConformance(
  { describe, it },
  {
    name: 'a failover whose first member works',
    clock,
    create: () => failoverBackend([member('first'), member('second')]),
  },
);

describeConformance(
  { describe, it },
  {
    name: 'a failover whose first member is down',
    clock,
    create: () => {
      const down = new ScriptedBackend('down');
      down.error = refused();
      down.close = () => undefined;
      return failoverBackend([down, member('second')]);
    },
  },
);

describe('on real servers', () => {
  let first: RedisServer;
  let second: RedisServer;

  beforeAll(async () => {
    [first, second] = await Promise.all([RedisServer.start(), RedisServer.start()]);
  });

  afterAll(async () => {
    await Promise.all([first.stop(), second.stop()]);
  });

  const create = () =>
    failoverBackend([
      redisBackend({ url: first.url, name: 'first' }),
      redisBackend({ url: second.url, name: 'second' }),
    ]);

  describeConformance({ describe, it }, { name: 'a failover of two Redis servers', create });
});
