import { setImmediate } from 'node:timers/promises';
import { jest } from '@jest/globals';
import * as redis5 from 'redis5';
import * as redis6 from 'redis';
import { BackendUnavailableError } from '../../../lib/contracts/errors.js';
import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import { redisPolicyStore } from '../../../lib/backends/redis/redis.policy-store.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { eventually } from '../../support/eventually.js';
import { CLUSTER_CLIENTS, SENTINEL_CLIENTS, SINGLE_CLIENTS } from '../../support/redis-clients.js';
import { RedisCluster } from '../../support/redis-cluster.js';
import { RedisSentinel } from '../../support/redis-sentinel.js';
import { RedisServer } from '../../support/redis-server.js';
import { expectNoUnhandled } from '../../support/unhandled.js';

const LIMIT = 20;
const policy = testPolicy({ algorithm: 'sliding-window', limit: LIMIT, windowMs: 366 * 86_400_000 });

const ALL_BUT_TIMEOUTS = [
  ...(['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask'] as const),
  ...(['setImmediate', 'clearImmediate', 'setInterval', 'clearInterval'] as const),
];

const asking = (...keys: readonly string[]) => ({
  charges: keys.map((key) => ({ key, policy, cost: 1 })),
  timeoutMs: 5_000,
});

describe.each(SINGLE_CLIENTS)('a server that dies under %s', (_library, make) => {
  it('is an outage, after which calls go on; none of the outage is sent later', async () => {
    await using server = await RedisServer.start();
    await expectNoUnhandled(async () => {
      const { client, close } = await make(server);
      try {
        const backend = redisBackend({ client });
        expect(await backend.consume(asking('k'))).toMatchObject({ policies: [{ remaining: LIMIT - 1 }] });
        await server.kill();
        const calls = await Promise.allSettled(Array.from({ length: 5 }, () => backend.consume(asking('k'))));
        for (const call of calls) {
          expect(call).toMatchObject({ status: 'rejected', reason: expect.any(BackendUnavailableError) });
        }
        await server.restart();
        const reply = await eventually(() => backend.consume(asking('k')), { timeoutMs: 15_000 });
        expect(reply).toMatchObject({ policies: [{ remaining: LIMIT - 1 }] });
        await backend.ping(AbortSignal.timeout(5_000));
      } finally {
        await close();
      }
    });
  });
});

const NODE_REDIS = [
  ['6', ({ port, host }: RedisServer) => redis6.createClient({ socket: { port, host } })],
  ['5', ({ port, host }: RedisServer) => redis5.createClient({ socket: { port, host } })],
] as const;

describe.each(NODE_REDIS)('a client of node-redis %s', (_version, clientOf) => {
  it('is connected by the first call, and again after attempts that failed', async () => {
    await using server = await RedisServer.start();
    await server.kill();
    await expectNoUnhandled(async () => {
      const client = clientOf(server);
      const backend = redisBackend({ client });
      let made = 0;
      const forget = backend.onConnected!(() => (made += 1));
      try {
        expect(backend.isConnected!()).toBe(true);
        expect(client.isOpen).toBe(false);
        const refused = Promise.resolve(backend.consume(asking('k')));
        await expect(refused).rejects.toThrow(BackendUnavailableError);
        await expect(refused).rejects.toHaveProperty('cause.code', 'ECONNREFUSED');
        expect(backend.isConnected!()).toBe(false);
        await server.restart();
        await eventually(() => backend.isConnected!());
        expect(await backend.consume(asking('k'))).toMatchObject({ allowed: true });
        expect(made).toBe(1);
      } finally {
        forget();
        client.destroy();
      }
    });
  });

  it('that the application closed stays closed', async () => {
    await using server = await RedisServer.start();
    const client = clientOf(server);
    const backend = redisBackend({ client });
    await backend.consume(asking('k'));
    await backend.close?.();
    expect(client.isReady).toBe(true);
    client.destroy();
    await expect(backend.consume(asking('k'))).rejects.toThrow(BackendUnavailableError);
    expect([client.isOpen, backend.isConnected!()]).toEqual([false, false]);
    await client.connect();
    expect(await backend.consume(asking('k'))).toMatchObject({ allowed: true });
    client.destroy();
  });

  it('drops a call that waits to be sent when the connection is lost', async () => {
    await using server = await RedisServer.start();
    const client = clientOf(server);
    const backend = redisBackend({ client });
    await backend.consume(asking('k'));
    const late = backend.consume(asking('k'));
    client.emit('error', new Error('lost'));
    await expect(late).rejects.toThrow(BackendUnavailableError);
    expect(await backend.peek(asking('k'))).toMatchObject({ policies: [{ remaining: LIMIT - 1 }] });
    client.destroy();
  });
});

describe.each(NODE_REDIS)('a call that a client of node-redis %s cannot send', (_version, clientOf) => {
  afterEach(() => jest.useRealTimers());

  it('is dropped in time, and is not sent later', async () => {
    await using server = await RedisServer.start();
    const client = clientOf(server);
    const backend = redisBackend({ client });
    jest.useFakeTimers({ doNotFake: ALL_BUT_TIMEOUTS });
    await backend.consume(asking('k'));
    server.freeze();
    // More than the buffers between here and the server take.
    const large = client.sendCommand(['SET', 'large', 'x'.repeat(32 * 2 ** 20)]);
    await setImmediate();
    // In each turn of the event loop it sends one command all the same.
    const sent = client.ping();
    const late = Promise.resolve(backend.consume(asking('k')));
    const dropped = expect(late).rejects.toThrow(BackendUnavailableError);
    await setImmediate();
    jest.advanceTimersByTime(10_000);
    await dropped;
    jest.useRealTimers();
    server.thaw();
    await Promise.all([large, sent]);
    expect(await backend.peek(asking('k'))).toMatchObject({ policies: [{ remaining: LIMIT - 1 }] });
    client.destroy();
  });
});

describe.each(SINGLE_CLIENTS)('what a server replies to %s', (_library, make) => {
  it('is an outage where it does not serve, and otherwise the mistake that it is', async () => {
    await using server = await RedisServer.start();
    const { client, close } = await make(server);
    const backend = redisBackend({ client });
    const calling = async (): Promise<unknown> => backend.consume(asking('k'));
    try {
      await calling();
      await server.exec('REPLICAOF', '127.0.0.1', 1);
      await expect(calling()).rejects.toThrow(BackendUnavailableError);
      await server.exec('REPLICAOF', 'NO', 'ONE');
      await server.exec('CONFIG', 'SET', 'maxmemory', 1);
      await expect(calling()).rejects.toThrow(BackendUnavailableError);
      await server.exec('CONFIG', 'SET', 'maxmemory', 0);
      await expect(calling()).resolves.toMatchObject({ policies: [{ remaining: LIMIT - 2 }] });
      await server.exec('DEL', 'floodgate:{k}');
      await server.exec('LPUSH', 'floodgate:{k}', 'other');
      await expect(calling()).rejects.toThrow('WRONGTYPE');
      await server.exec('ACL', 'SETUSER', 'default', '-evalsha');
      await expect(calling()).rejects.toThrow(/NOPERM: the user may not run /);
      await server.exec('ACL', 'SETUSER', 'default', '+evalsha');
    } finally {
      await close();
    }
  });
});

describe.each(SINGLE_CLIENTS)('a policy store by %s', (_library, make) => {
  it('keeps what it is given', async () => {
    await using server = await RedisServer.start();
    const { client, close } = await make(server);
    const store = redisPolicyStore({ client });
    expect(await store.read()).toBeUndefined();
    const document = await store.change(
      (present) => present ?? { policies: { a: '1/s' }, overrides: [], shadow: false },
    );
    expect(await store.read()).toEqual(document);
    await close();
  });
});

describe('a Cluster', () => {
  let nodes: RedisCluster;

  beforeAll(async () => {
    nodes = await RedisCluster.start();
  });

  afterAll(() => nodes.stop());

  it.each(CLUSTER_CLIENTS)('counts well by %s', async (library, make) => {
    const { client, close } = await make(nodes.startupNodes);
    try {
      const backend = redisBackend({ client, keyPrefix: `${library}:` });
      await eventually(() => backend.peek(asking('any')), { what: 'the client is connected' });
      const keys = Array.from({ length: 30 }, (_, index) => `user:${index}`);
      await Promise.all(nodes.masters.map((node) => node.exec('SCRIPT', 'FLUSH')));
      for (const round of [1, 2]) {
        const replies = await Promise.all(keys.map((key) => backend.consume(asking(key))));
        expect(new Set(replies.map(({ policies: [status] }) => status!.remaining))).toEqual(new Set([LIMIT - round]));
      }
      expect(await backend.consume(asking('one', 'two', 'three'))).toMatchObject({ allowed: true });
      await backend.ping(AbortSignal.timeout(5_000));
    } finally {
      await close();
    }
  });
});

it('follow a failover of Sentinel: node-redis 6 and 5', async () => {
  await using watched = await RedisSentinel.start();
  await expectNoUnhandled(async () => {
    const clients = SENTINEL_CLIENTS.map((make) => make(watched.name, watched.sentinels));
    const backends = clients.map(({ client }, index) => redisBackend({ client, keyPrefix: `${index}:` }));
    try {
      for (const backend of backends) expect(await backend.consume(asking('k'))).toMatchObject({ allowed: true });
      const heir = await watched.waitReplaced(await watched.killMaster());
      for (const [index, backend] of backends.entries()) {
        await eventually(
          async () => {
            await backend.consume(asking('new'));
            return (await heir.keys()).includes(`${index}:{new}`);
          },
          { what: `the heir serves client ${index}`, timeoutMs: 20_000 },
        );
      }
    } finally {
      await Promise.all(clients.map(({ close }) => close()));
    }
  });
});
