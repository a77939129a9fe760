import { testPolicy } from '../../lib/testing/test-policy.js';
import { spawnWorkers } from '../support/child-process.js';
import { PostgresServer } from '../support/postgres-server.js';
import { RedisServer } from '../support/redis-server.js';
import type hold from './workers/slots.worker.js';
import type { Held, SlotsInput, SlotStore } from './workers/slots.worker.js';

const PROCESSES = 4;
const CALLERS = 100;
const LIMIT = 10;

const policy = testPolicy({ algorithm: 'concurrency', limit: LIMIT, windowMs: 60_000 });

describe('four processes with 100 callers each, on ten slots', () => {
  it.each([
    [
      'PostgreSQL',
      async () => {
        const server = await PostgresServer.start();
        return { server, store: { kind: 'postgres', url: server.url, schema: 'slots' } satisfies SlotStore };
      },
    ],
    [
      'Redis',
      async () => {
        const server = await RedisServer.start();
        return { server, store: { kind: 'redis', url: server.url } satisfies SlotStore };
      },
    ],
  ] as const)('never hold eleven in %s, and each gets one', async (_name, start) => {
    const { server, store } = await start();
    try {
      const input: SlotsInput = { store, policy, callers: CALLERS };
      const worker = new URL('./workers/slots.worker.ts', import.meta.url);
      const held = (await spawnWorkers<typeof hold>(PROCESSES, worker, input)).flat();
      expect(held).toHaveLength(PROCESSES * CALLERS);
      const most = mostAtOnce(held);
      expect(most).toBeLessThanOrEqual(LIMIT);
      expect(most).toBeGreaterThan(1);
    } finally {
      await server.stop();
    }
  });
});

/** How many slots were held at the same time, at most. */
function mostAtOnce(held: readonly Held[]): number {
  const moments = held.flatMap(([fromMs, toMs]) => [
    { atMs: fromMs, more: 1 },
    { atMs: toMs, more: -1 },
  ]);
  let now = 0;
  let most = 0;
  for (const { more } of moments.sort((a, b) => a.atMs - b.atMs || a.more - b.more)) {
    now += more;
    most = Math.max(most, now);
  }
  return most;
}
