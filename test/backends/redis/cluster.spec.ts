import { Cluster, Redis } from 'ioredis';
import { BackendUnavailableError } from '../../../lib/contracts/errors.js';
import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { eventually } from '../../support/eventually.js';
import { RedisCluster } from '../../support/redis-cluster.js';
import { expectNoUnhandled } from '../../support/unhandled.js';

const DAYS_MS = 86_400_000;

const policy = testPolicy({ name: 'overall', algorithm: 'fixed-window', limit: 20, windowMs: 366 * DAYS_MS });
const perUser = testPolicy({ name: 'per-user', algorithm: 'sliding-log', limit: 3, windowMs: 366 * DAYS_MS });

const asking = (...keys: readonly string[]) => ({
  charges: keys.map((key) => ({ key, policy: key === 'global' ? policy : perUser, cost: 1 })),
  timeoutMs: 5_000,
});

describe('on a cluster of three masters', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  let backend: ReturnType<typeof redisBackend>;
  beforeAll(async () => {
    cluster = await RedisCluster.start({ requireFullCoverage: false });
    client = new Cluster([...cluster.startupNodes]);
    backend = redisBackend({ client });
    await backend.ping(AbortSignal.timeout(5_000));
  });
  afterAll(async () => {
    client.disconnect();
    await cluster.stop();
  });
  afterEach(() => Promise.all(cluster.masters.filter(({ running }) => running).map((one) => one.exec('FLUSHALL'))));

  it('spreads subjects over all masters, each with all of its counters in one key that expires', async () => {
    const users = Array.from({ length: 60 }, (_, index) => `user:${index}`);
    await Promise.all(
      users.map((key) =>
        backend.consume({ charges: [perUser, policy].map((one) => ({ key, policy: one, cost: 1 })), timeoutMs: 5_000 }),
      ),
    );
    const sizes = await Promise.all(cluster.masters.map((master) => master.dbsize()));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(60);
    expect(Math.min(...sizes)).toBeGreaterThan(5);
    for (const master of cluster.masters) expect(await master.keysWithoutExpiry()).toEqual([]);
  });

  it('decides on subjects in different slots as on one, and gives back what was reserved', async () => {
    const replies = [];
    for (let index = 0; index < 4; index += 1) replies.push(await backend.consume(asking('user:1', 'global')));
    expect(replies.map(({ allowed }) => allowed)).toEqual([true, true, true, false]);
    expect(replies[3]!.policies).toMatchObject([
      { name: 'per-user', allowed: false, remaining: 0 },
      { name: 'overall', allowed: true, remaining: 17, retryAfterMs: 0 },
    ]);
    expect((await backend.peek(asking('global', 'user:1'))).policies.map(({ remaining }) => remaining)).toEqual([
      17, 0,
    ]);
    await backend.reset(asking('global', 'user:1'));
    expect((await backend.peek(asking('global', 'user:1'))).policies.map(({ remaining }) => remaining)).toEqual([
      20, 3,
    ]);
  });

  it('refuses a single client of a cluster node for what it is: a wrong configuration', async () => {
    const [master] = cluster.masters;
    const client = new Redis(master!.url);
    const single = redisBackend({ client });
    const users = Array.from({ length: 20 }, (_, index) => `user:${index}`);
    const outcomes = await Promise.allSettled(users.map((key) => single.consume(asking(key))));
    const [refusal] = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
    expect(refusal).toMatchObject({ name: 'ReplyError', message: expect.stringMatching(/^MOVED/) });
    expect(refusal).not.toBeInstanceOf(BackendUnavailableError);
    await single.close();
    client.disconnect();
  });

  it('serves the slots whose master lives, tells which do not, and keeps nothing reserved', async () => {
    await expectNoUnhandled(async () => {
      const dead = await cluster.masterOf('{global}');
      const users = Array.from({ length: 30 }, (_, index) => `user:${index}`);
      const homes = await Promise.all(users.map((user) => cluster.masterOf(`{${user}}`)));
      const alive = users.find((_, index) => homes[index] !== dead)!;
      await dead.kill();
      await eventually(() => backend.consume(asking(alive)), { what: 'the others serve' });
      await backend.reset(asking(alive));

      await expect(Promise.resolve(backend.consume(asking(alive, 'global')))).rejects.toBeInstanceOf(
        BackendUnavailableError,
      );
      expect((await backend.peek(asking(alive))).policies[0]!.remaining).toBe(3);
    });
  });
});
