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
/** Longest time that the processes may take. */

/** So long that nothing rolls or refills while the test runs; its borders are years away from now. */
const WINDOW_MS = 366 * 24 * HOUR_MS;

const quotaOf = (algorithm: CountingAlgorithm, name: string) =>
  testPolicy({ name, algorithm, limit: LIMIT, windowMs: WINDOW_MS });

const alone: ConsumeInput['rounds'] = COUNTING_ALGORITHMS.map((algorithm) => [
  { key: 'user:42', policy: quotaOf(algorithm, 'quota'), cost: 1 },
]);

/** What each algorithm admitted, by its name. */
const byAlgorithm = (counts: readonly number[]) =>
  Object.fromEntries(COUNTING_ALGORITHMS.map((algorithm, index) => [algorithm, counts[index]]));
const EXACT = Object.fromEntries(COUNTING_ALGORITHMS.map((algorithm) => [algorithm, LIMIT]));

/**
 * Four processes at once do one round after the other; the clock of one is an hour ahead, and another empties the
 * script cache half-way. Answers what each round admitted.
 */
async function admitted(nodes: ConsumeInput['nodes'], rounds: ConsumeInput['rounds']): Promise<readonly number[]> {
  const replies = await spawnWorkers<typeof consume>(
    PROCESSES,
    new URL('./workers/consume.worker.ts', import.meta.url),
    (index) => ({ nodes, rounds, calls: CALLS, flushes: index === 1 }),
    { clockSkewMs: (index) => (index === 0 ? HOUR_MS : 0) },
  );
  return rounds.map((_, round) => replies.reduce((sum, counts) => sum + counts[round]!, 0));
}

/** Checks that the scripts were sent anew after each time that they were forgotten. */
async function expectScriptsSentAgain(server: RedisServer): Promise<void> {
  const stats = await server.commandStats();
  expect(stats['script|flush']).toBeGreaterThanOrEqual(alone.length);
  expect(stats['eval']).toBeGreaterThanOrEqual(alone.length);
}

describe('four processes with 100 calls each, on a limit of 150', () => {
  it('are admitted exactly 150 by every algorithm on one server', async () => {
    await using server = await RedisServer.start();
    expect(byAlgorithm(await admitted([{ host: server.host, port: server.port }], alone))).toEqual(EXACT);
    await expectScriptsSentAgain(server);
    expect(await server.keysWithoutExpiry()).toEqual([]);
  });

  it('are admitted exactly 150 on a cluster, and by a user and everybody together never more, and all is given back', async () => {
    await using cluster = await RedisCluster.start();
    const perUser = { ...quotaOf('token-bucket', 'per-user'), limit: LIMIT - 20, burst: LIMIT - 20 };
    const everybody = { key: 'global', policy: quotaOf('sliding-window', 'overall'), cost: 1 };
    const both = [everybody, { key: 'user:7', policy: perUser, cost: 1 }];
    const counts = await admitted(cluster.startupNodes, [...alone, both, [everybody]]);
    expect(byAlgorithm(counts)).toEqual(EXACT);
    await expectScriptsSentAgain(await cluster.masterOf('{user:42}'));

    const [together, rest] = counts.slice(alone.length);
    expect(together).toBeGreaterThan(0);
    expect(together).toBeLessThanOrEqual(LIMIT - 20);
    expect(together! + rest!).toBe(LIMIT);
  });
});
