import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import type { Backend, Charge } from '../../../lib/contracts/backend.js';
import type { FailureMode } from '../../../lib/contracts/policy.js';
import { redisBackend, type RedisBackendOptions } from '../../../lib/backends/redis/redis.backend.js';
import { BackendService, RateLimitConfigurationError, RateLimitModule } from '../../../lib/index.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { eventually } from '../../support/eventually.js';
import { CLUSTER_CLIENTS, SINGLE_CLIENTS } from '../../support/redis-clients.js';
import { RedisCluster } from '../../support/redis-cluster.js';
import { RedisServer } from '../../support/redis-server.js';
import { expectNoUnhandled } from '../../support/unhandled.js';

const DAY_MS = 86_400_000;
const LIMIT = 40;
const policy = testPolicy({ algorithm: 'sliding-window', limit: LIMIT, windowMs: 366 * DAY_MS });
const other = testPolicy({ name: 'other', algorithm: 'token-bucket', limit: 30, windowMs: 366 * DAY_MS });

let server: RedisServer;
let client: Redis;
beforeAll(async () => {
  server = await RedisServer.start();
  client = new Redis(server.url);
  client.on('error', () => undefined);
});
afterAll(async () => {
  client.disconnect();
  await server.stop();
});
beforeEach(() => server.exec('FLUSHALL'));

const of = (...charges: readonly Charge[]) => ({ charges, timeoutMs: 10_000 });
const call = (key: string, by = policy) => of({ key, policy: by, cost: 1 });

/** Script calls that some work makes. */
async function scriptCalls(work: () => Promise<unknown>): Promise<number> {
  await server.resetStats();
  await work();
  const { evalsha = 0 } = await server.commandStats();
  return evalsha;
}

/** A backend whose script the server knows. */
async function ready(options: Partial<RedisBackendOptions> = {}): Promise<Backend> {
  const backend = redisBackend({ client, ...options } as RedisBackendOptions);
  await backend.consume(call('first'));
  return backend;
}

it('serves the callers of one key in order of arrival, whatever policies they name', async () => {
  const backend = await ready();
  const policies = [policy, policy, other, policy, other, other];
  const replies = await Promise.all(
    Array.from({ length: 120 }, (_, index) => backend.consume(call('k', policies[index % policies.length]))),
  );
  const remaining = (name: string) =>
    replies.flatMap(({ policies: [status] }) => (status?.name === name && status.allowed ? [status.remaining] : []));
  expect(remaining('test')).toEqual(Array.from({ length: LIMIT }, (_, index) => LIMIT - 1 - index));
  expect(remaining('other')).toEqual(Array.from({ length: 30 }, (_, index) => 29 - index));
  const refused = replies.map(({ allowed }) => allowed).lastIndexOf(true);
  expect(replies.slice(refused + 1).every(({ allowed }) => !allowed)).toBe(true);
});

it('callers of one key by a policy with a block: the first that is refused begins it, all are told', async () => {
  const blocking = testPolicy({ algorithm: 'sliding-window', limit: 5, windowMs: 1_000, blockForMs: DAY_MS });
  const backend = await ready({ refusalCache: false });
  const replies = await Promise.all(Array.from({ length: 60 }, () => backend.consume(call('k', blocking))));
  const refused = replies.slice(5).map(({ policies: [status] }) => status?.retryAfterMs ?? 0);
  expect(replies.map(({ allowed }) => allowed)).toEqual(Array.from({ length: 60 }, (_, index) => index < 5));
  expect(Math.min(...refused)).toBeGreaterThan(DAY_MS / 2);
  const { policies } = await backend.peek(call('k', blocking));
  expect(policies[0]?.resetAfterMs).toBeGreaterThan(DAY_MS / 2);
});

it('a reset has its turn, too', async () => {
  const backend = await ready();
  const before = Array.from({ length: LIMIT + 5 }, () => backend.consume(call('k')));
  const reset = backend.reset(call('k'));
  const after = Array.from({ length: LIMIT + 5 }, () => backend.consume(call('k')));
  await reset;
  for (const replies of [await Promise.all(before), await Promise.all(after)]) {
    expect(replies.filter(({ allowed }) => allowed)).toHaveLength(LIMIT);
  }
});

it.each<[string, object, (keys: number) => string, number, number]>([
  ['one key share a few', {}, () => 'k', 1, 4],
  ['many keys share a few', {}, (index) => `k${index}`, 1, 6],
  ['many keys are sent apart without batch', { batch: false }, (index) => `k${index}`, 200, 200],
  ['one key share a few without batch', { batch: false }, () => 'k', 1, 4],
  ['one key are sent apart without coalesce', { coalesce: false }, () => 'k', 200, 200],
  ['many keys share a few without coalesce', { coalesce: false }, (index) => `k${index}`, 1, 6],
  ['one key are sent apart with neither', { batch: false, coalesce: false }, () => 'k', 200, 200],
])('200 calls of %s', async (_what, options, keyOf, least, most) => {
  const backend = await ready(options);
  let allowed = 0;
  const made = await scriptCalls(() =>
    Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        if ((await backend.consume(call(keyOf(index)))).allowed) allowed += 1;
      }),
    ),
  );
  expect(allowed).toBe(keyOf(0) === keyOf(1) ? LIMIT : 200);
  expect(made).toBeGreaterThanOrEqual(least);
  expect(made).toBeLessThanOrEqual(most);
});

it('a call that finds nothing on its way is sent at once', async () => {
  const backend = await ready();
  let sent = 0;
  const counted = new Proxy(client, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property);
      if (property === 'evalshaBuffer') sent += 1;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const alone = redisBackend({ client: counted });
  sent = 0;
  const made = alone.consume(call('k'));
  expect(sent).toBe(1);
  await made;
  await backend.consume(call('k'));
});

it('an error of one key is that of its callers alone', async () => {
  const backend = await ready();
  await server.exec('LPUSH', 'floodgate:{list}', 'x');
  await server.exec('SET', 'floodgate:{text}', 'something else');
  const keys = ['a', 'list', 'b', 'text', 'list', 'a'];
  const calls = await Promise.allSettled(keys.map((key) => backend.consume(call(key))));
  expect(
    calls.map((one) => (one.status === 'fulfilled' ? one.value.policies[0]?.remaining : String(one.reason))),
  ).toEqual([
    39,
    expect.stringContaining('WRONGTYPE'),
    39,
    expect.stringContaining('CORRUPT'),
    expect.stringContaining('WRONGTYPE'),
    38,
  ]);
});

it('a call that the script cannot be told is the error of its caller alone', async () => {
  const backend = await ready();
  const slots = testPolicy({ name: 'slots', algorithm: 'concurrency', limit: 3, windowMs: 60_000 });
  const calls = await Promise.allSettled([
    backend.consume(call('a')),
    backend.consume(call('b')),
    backend.consume(call('c', slots)),
    backend.consume(call('d')),
  ]);
  expect(calls.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
});

it('a server that forgot the script is told it once, and nobody is charged twice', async () => {
  const backend = await ready();
  await server.exec('SCRIPT', 'FLUSH');
  const replies = await Promise.all(Array.from({ length: 20 }, (_, index) => backend.consume(call(`k${index % 2}`))));
  expect(replies.filter(({ allowed }) => allowed)).toHaveLength(20);
  expect((await backend.peek(call('k0'))).policies[0]?.remaining).toBe(LIMIT - 10);
});

it('calendar windows are told the borders around the time of a server whose clock is elsewhere', async () => {
  const backend = await ready();
  const daily = testPolicy({
    name: 'day',
    algorithm: 'fixed-window',
    limit: 90,
    windowMs: DAY_MS,
    calendar: 'calendar-day',
  });
  const { now } = Date;
  const calls: unknown[] = [];
  Date.now = () => now() + 10 * DAY_MS;
  try {
    for (let made = 0; made < 60; made += 1)
      calls.push(backend.consume(call(`k${made % 3}`, made % 2 ? daily : policy)));
    await Promise.all(calls);
  } finally {
    Date.now = now;
  }
  for (const key of ['k0', 'k1', 'k2']) {
    expect((await backend.peek(call(key, daily))).policies[0]?.remaining).toBe(80);
    expect((await backend.peek(call(key))).policies[0]?.remaining).toBe(LIMIT - 10);
  }
});

it('who gives up before being sent is not charged, and makes no outage', async () => {
  const app = await Test.createTestingModule({
    imports: [RateLimitModule.forRoot({ backend: redisBackend({ client }), policies: { daily: `${LIMIT}/d` } })],
  }).compile();
  await app.init();
  const service = app.get(BackendService);
  await expectNoUnhandled(async () => {
    const controller = new AbortController();
    const sent = service.consume('k', 'daily');
    const given = Array.from({ length: 9 }, () => service.consume('k', 'daily', { signal: controller.signal }));
    const waits = service.consume('k', 'daily');
    controller.abort(new Error('gone'));
    for (const one of await Promise.allSettled(given))
      expect(one).toMatchObject({ status: 'rejected', reason: { message: 'gone' } });
    await Promise.all([sent, waits]);
    expect((await service.peek('k', 'daily')).policies[0]?.remaining).toBe(LIMIT - 2);
    expect(service.status().backends[0]?.breaker?.failureCount).toBe(0);
  });
  await app.close();
});

it('an outage is that of all in a call, each by its own failure mode; calls go on after it', async () => {
  await using mortal = await RedisServer.start();
  const app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        backend: redisBackend({ url: mortal.url }),
        circuitBreaker: false,
        timeout: '5s',
        policies: { daily: `${LIMIT}/d` },
      }),
    ],
  }).compile();
  await app.init();
  const service = app.get(BackendService);
  await service.consume('first', 'daily');
  mortal.freeze();
  const modes: readonly FailureMode[] = ['open', 'closed', 'local', 'closed', 'open'];
  const calls = modes.map((failureMode, index) => service.consume(`k${index % 2}`, 'daily', { failureMode }));
  const settled = Promise.allSettled(calls);
  await mortal.kill();
  expect((await settled).map((one) => (one.status === 'fulfilled' ? one.value.source : 'thrown'))).toEqual([
    'none',
    'thrown',
    'local',
    'thrown',
    'none',
  ]);
  await mortal.restart();
  await eventually(() => service.consume('k0', 'daily'), { timeoutMs: 10_000 });
  await app.close();
});

it('what is not answered in time holds up nobody who comes later, and charges each once', async () => {
  const backend = await ready();
  server.freeze();
  const early = Array.from({ length: 5 }, () => backend.consume({ ...call('k'), timeoutMs: 20 }));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const late = [call('k'), call('other')].map((one) => backend.consume(one));
  server.thaw();
  expect((await Promise.all([...early, ...late])).map(({ policies: [status] }) => status?.remaining)).toEqual([
    ...[39, 38, 37, 36, 35],
    ...[34, 39],
  ]);
});

it.each([{ coalesce: 'yes' }, { batch: 1 }, { coalesce: null }])('refuses %p', (options) => {
  expect(() => redisBackend({ client, ...options } as never)).toThrow(RateLimitConfigurationError);
});

async function admitted(backend: Backend): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const keys = ['a', 'b', 'c'];
  await backend.consume(call('first'));
  await Promise.all(
    Array.from({ length: 3 * (LIMIT + 10) }, async (_, index) => {
      const key = keys[index % 3]!;
      if ((await backend.consume(call(key))).allowed) counts[key] = (counts[key] ?? 0) + 1;
    }),
  );
  return counts;
}

describe.each(SINGLE_CLIENTS)('%s', (_library, make) => {
  it('shares script calls, and admits exactly the limit', async () => {
    const { client: theirs, close } = await make(server);
    try {
      const backend = redisBackend({ client: theirs });
      const made = await scriptCalls(async () => {
        expect(await admitted(backend)).toEqual({ a: LIMIT, b: LIMIT, c: LIMIT });
      });
      expect(made).toBeLessThan(30);
    } finally {
      await close();
    }
  });
});

describe('on a Cluster', () => {
  let cluster: RedisCluster;
  beforeAll(async () => (cluster = await RedisCluster.start()));
  afterAll(() => cluster.stop());

  it.each(CLUSTER_CLIENTS)('%s admits exactly the limit', async (library, make) => {
    const { client: theirs, close } = await make(cluster.startupNodes);
    try {
      const backend = redisBackend({ client: theirs, keyPrefix: `${library}:` });
      expect(await admitted(backend)).toEqual({ a: LIMIT, b: LIMIT, c: LIMIT });
    } finally {
      await close();
    }
  });

  it('goes on key by key with a client that does not know of slots', async () => {
    const master = await cluster.masterOf('{a}');
    const plain = new Redis(master.url);
    try {
      const backend = redisBackend({ client: plain, keyPrefix: 'plain:' });
      // Keys of this master, most of them in slots of their own.
      const keys: string[] = [];
      for (let index = 0; keys.length < 5; index += 1) {
        if ((await cluster.masterOf(`{k${index}}`)) === master) keys.push(`k${index}`);
      }
      const replies = await Promise.all([...keys, ...keys, ...keys].map((key) => backend.consume(call(key))));
      expect(replies.every(({ allowed }) => allowed)).toBe(true);
      for (const key of keys) expect((await backend.peek(call(key))).policies[0]?.remaining).toBe(LIMIT - 3);
    } finally {
      plain.disconnect();
    }
  });
});
