import { Cluster, Redis } from 'ioredis';
import * as ioredis5 from 'ioredis5';
import * as ioredis510 from 'ioredis510';
import type { RedisClient } from '../../../lib/backends/redis/ioredis-client.js';
import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { eventually } from '../../support/eventually.js';
import { RedisCluster } from '../../support/redis-cluster.js';
import { RedisServer } from '../../support/redis-server.js';

const policy = testPolicy({ algorithm: 'sliding-window', limit: 3, windowMs: 366 * 86_400_000 });

const asking = (...keys: readonly string[]) => ({
  charges: keys.map((key) => ({ key, policy, cost: 1 })),
  timeoutMs: 5_000,
});

type AnyClient = RedisClient & { disconnect(): void; on(event: 'error', listener: () => void): unknown };

const VERSIONS = [
  ['5.10', ioredis510],
  ['5', ioredis5],
  ['6', { Cluster, Redis }],
] as const;

/** Calls for many keys at once: how many of each key's three units were granted beyond one. */
async function countsWell(client: AnyClient, keyPrefix: string): Promise<void> {
  client.on('error', () => undefined);
  const backend = redisBackend({ client, keyPrefix });
  await eventually(() => backend.peek(asking('any')), { what: 'the client is connected' });
  const keys = Array.from({ length: 30 }, (_, index) => `user:${index}`);
  for (const [round, allowed] of [true, true, true, false, false].entries()) {
    const replies = await Promise.all(keys.map((key) => backend.consume(asking(key))));
    expect(`${round}: ${replies.filter((reply) => reply.allowed).length}`).toBe(`${round}: ${allowed ? 30 : 0}`);
  }
  expect(await backend.consume(asking('one', 'two', 'three'))).toMatchObject({ allowed: true });
  await backend.reset(asking('user:1', 'user:2'));
  expect(await backend.peek(asking('user:1', 'user:3'))).toMatchObject({
    policies: [{ remaining: 3 }, { remaining: 0 }],
  });
}

let nodes: RedisCluster;
let server: RedisServer;

beforeAll(async () => {
  [nodes, server] = await Promise.all([RedisCluster.start(), RedisServer.start()]);
});

afterAll(() => Promise.all([nodes.stop(), server.stop()]));

describe.each(VERSIONS)('options of a Cluster of ioredis %s', (version, library) => {
  it.each([
    ['enableAutoPipelining', { enableAutoPipelining: true }],
    ['enableAutoPipelining and a key prefix', { enableAutoPipelining: true, keyPrefix: 'app:' }],
    ['scaleReads', { scaleReads: 'all' }],
    ['scaleReads with enableAutoPipelining', { scaleReads: 'slave', enableAutoPipelining: true }],
    ['stringNumbers', { redisOptions: { stringNumbers: true } }],
    ['enableReadyCheck false', { enableReadyCheck: false }],
    ['no offline queue', { enableOfflineQueue: false }],
  ] as const)('counts well with %s', async (what, options) => {
    const client = new library.Cluster([...nodes.startupNodes], options) as unknown as AnyClient;
    try {
      await countsWell(client, `${version} ${what}:`);
    } finally {
      client.disconnect();
    }
  });

  it('sends a script again that the nodes have forgotten, with enableAutoPipelining too', async () => {
    const client = new library.Cluster([...nodes.startupNodes], { enableAutoPipelining: true }) as unknown as AnyClient;
    client.on('error', () => undefined);
    const backend = redisBackend({ client, keyPrefix: `${version} flushed:` });
    await eventually(() => backend.consume(asking('k')), { what: 'the client is connected' });
    await Promise.all(nodes.masters.map((node) => node.exec('SCRIPT', 'FLUSH')));
    expect(await backend.consume(asking('k'))).toMatchObject({ policies: [{ remaining: 1 }] });
    client.disconnect();
  });
});

describe.each(VERSIONS)('options of a Redis of ioredis %s', (version, library) => {
  it.each([
    ['enableAutoPipelining', { enableAutoPipelining: true }],
    ['a key prefix', { keyPrefix: 'app:' }],
    ['stringNumbers', { stringNumbers: true }],
    ['a database', { db: 2 }],
    ['showFriendlyErrorStack', { showFriendlyErrorStack: true }],
    ['commandTimeout', { commandTimeout: 5_000 }],
    ['socketTimeout', { socketTimeout: 5_000 }],
  ])('counts well with %s', async (what, options) => {
    const client = new (library.Redis as typeof Redis)(server.port, server.host, options) as unknown as AnyClient;
    try {
      await countsWell(client, `${version} ${what}:`);
    } finally {
      client.disconnect();
    }
  });
});
