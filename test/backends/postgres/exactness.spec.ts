import pg from 'pg';
import { postgresBackend } from '../../../lib/backends/postgres/postgres.backend.js';
import { COUNTING_ALGORITHMS } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { spawnWorkers } from '../../support/child-process.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { crossings } from '../crossings.js';
import type consume from './workers/consume.worker.js';
import type { ConsumeInput } from './workers/consume.worker.js';

const PROCESSES = 4;
const CALLS = 100;
const LIMIT = 150;
/** Decisions over keys that cross; more of them by `npm run prove:postgres`. */
const DECISIONS = Number(process.env['CROSSINGS'] ?? 1_000);
const HOUR_MS = 3_600_000;

/** So long that nothing rolls or refills while the test runs; its borders are years away from now. */
const WINDOW_MS = 366 * 24 * HOUR_MS;

let server: PostgresServer;
beforeAll(async () => (server = await PostgresServer.start()));
afterAll(() => server.stop());

/** Four processes at once; the clock of one is an hour ahead. */
async function admitted(input: Omit<ConsumeInput, 'connectionString' | 'calls'>): Promise<number> {
  const replies = await spawnWorkers<typeof consume>(
    PROCESSES,
    new URL('./workers/consume.worker.ts', import.meta.url),
    { connectionString: server.url, calls: CALLS, ...input },
    { clockSkewMs: (index) => (index === 0 ? HOUR_MS : 0) },
  );
  return replies.reduce((sum, count) => sum + count, 0);
}

describe('four processes with 100 calls each, on a limit of 150 and an empty database', () => {
  it.each(COUNTING_ALGORITHMS)('%s admits exactly 150', async (algorithm) => {
    const policy = testPolicy({ algorithm, limit: LIMIT, windowMs: WINDOW_MS });
    const charges = [[{ key: 'user:42', policy, cost: 1 }]];
    expect(await admitted({ schema: algorithm, charges })).toBe(LIMIT);
  });

  it('a calendar month admits exactly 150', async () => {
    const policy = testPolicy({
      algorithm: 'fixed-window',
      limit: LIMIT,
      windowMs: 31 * 24 * HOUR_MS,
      calendar: 'calendar-month',
      timeZone: 'Europe/Berlin',
    });
    const charges = [[{ key: 'user:42', policy, cost: 1 }]];
    expect(await admitted({ schema: 'month', charges })).toBe(LIMIT);
  });

  it.each(['repeatable read', 'serializable'])('pools whose sessions are %s admit exactly 150', async (isolation) => {
    const policy = testPolicy({ algorithm: 'sliding-window', limit: LIMIT, windowMs: WINDOW_MS });
    const charges = [[{ key: 'user:42', policy, cost: 1 }]];
    const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`;
    expect(await admitted({ schema: isolation, options, charges })).toBe(LIMIT);
  });
});

describe('decisions over keys that cross', () => {
  it('charge all or none, and never deadlock', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 16 });
    const { failures, sums, allowed } = await crossings(postgresBackend({ pool, schema: 'crossing' }), {
      decisions: DECISIONS,
    });
    await pool.end();
    expect(failures).toEqual([]);
    expect(sums).toEqual(allowed);
    const [{ deadlocks } = { deadlocks: '-1' }] = await server.exec<{ deadlocks: string }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    expect(Number(deadlocks)).toBe(0);
  }, 120_000);
});
