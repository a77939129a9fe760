import { COUNTING_ALGORITHMS, type CountingAlgorithm } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { spawnWorkers } from '../../support/child-process.js';
import { RedisCluster } from '../../support/redis-cluster.js';
import { RedisServer } from '../../support/redis-server.js';
import type consume from './workers/consume.worker.js';
import type { ConsumeInput } from './workers/consume.worker.js';

const PROCESSES = 4;
const CALLS = 100;
const LIMIT = 150;
const HOUR_MS = 3_600_000;

/** So long that nothing rolls or refills while the test runs; its borders are years away from now. */
const WINDOW_MS = 366 * 24 * HOUR_MS;

const quotaOf = (algorithm: CountingAlgorithm, name: string) =>
  testPolicy({ name, algorithm, limit: LIMIT, windowMs: WINDOW_MS });

/** Four processes at once; the clock of one is an hour ahead, and another empties the script cache half-way. */
async function admitted(input: Omit<ConsumeInput, 'calls' | 'flushes'>): Promise<number> {
  const replies = await spawnWorkers<typeof consume>(
    PROCESSES,
    new URL('./workers/consume.worker.ts', import.meta.url),
    (index) => ({ ...input, calls: CALLS, flushes: index === 1 }),
    { clockSkewMs: (index) => (index === 0 ? HOUR_MS : 0) },
  );
  return replies.reduce((sum, count) => sum + count, 0);
}

describe('four processes with 100 calls each, on a limit of 150', () => {
  describe('on one server', () => {
    let server: RedisServer;
    beforeAll(async () => (server = await RedisServer.start()));
    afterAll(() => server.stop());

    it.each(COUNTING_ALGORITHMS)('%s admits exactly 150', async (algorithm) => {
      const charges = [{ key: 'user:42', policy: quotaOf(algorithm, 'quota'), cost: 1 }];
      expect(await admitted({ nodes: [{ host: server.host, port: server.port }], charges })).toBe(LIMIT);
      const stats = await server.commandStats();
      expect(stats).toMatchObject({ 'script|flush': expect.any(Number), eval: expect.any(Number) });
      expect(await server.keysWithoutExpiry()).toEqual([]);
    });
  });

  describe('on a cluster of three masters', () => {
    let cluster: RedisCluster;
    beforeAll(async () => (cluster = await RedisCluster.start()));
    afterAll(() => cluster.stop());

    it.each(COUNTING_ALGORITHMS)('%s admits exactly 150', async (algorithm) => {
      const charges = [{ key: 'user:42', policy: quotaOf(algorithm, 'quota'), cost: 1 }];
      const master = await cluster.masterOf('{user:42}');
      await master.resetStats();
      expect(await admitted({ nodes: cluster.startupNodes, charges })).toBe(LIMIT);
      expect(await master.commandStats()).toMatchObject({
        'script|flush': expect.any(Number),
        eval: expect.any(Number),
      });
    });

    it('a user and everybody together, in different slots, are never admitted more than 150, and all is given back', async () => {
      const policy = quotaOf('sliding-window', 'overall');
      const perUser = { ...quotaOf('token-bucket', 'per-user'), limit: LIMIT - 20, burst: LIMIT - 20 };
      const charges = [
        { key: 'global', policy, cost: 1 },
        { key: 'user:7', policy: perUser, cost: 1 },
      ];
      const count = await admitted({ nodes: cluster.startupNodes, charges });
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThanOrEqual(LIMIT - 20);

      const rest = await admitted({ nodes: cluster.startupNodes, charges: [charges[0]!] });
      expect(count + rest).toBe(LIMIT);
    });
  });
});
