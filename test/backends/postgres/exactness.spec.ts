import pg from 'pg';
import { postgresBackend } from '../../../lib/backends/postgres/postgres.backend.js';
import { COUNTING_ALGORITHMS, type Policy } from '../../../lib/contracts/policy.js';
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
/** Longest time that the processes may take. */

/** So long that nothing rolls or refills while the test runs; its borders are years away from now. */
const WINDOW_MS = 366 * 24 * HOUR_MS;

let server: PostgresServer;
beforeAll(async () => (server = await PostgresServer.start()));
afterAll(() => server.stop());

/** Four processes at once do one round after the other; the clock of one is an hour ahead. */
async function admitted(rounds: ConsumeInput['rounds']): Promise<readonly number[]> {
  const replies = await spawnWorkers<typeof consume>(
    PROCESSES,
    new URL('./workers/consume.worker.ts', import.meta.url),
    { connectionString: server.url, calls: CALLS, rounds },
    { clockSkewMs: (index) => (index === 0 ? HOUR_MS : 0) },
  );
  return rounds.map((_, round) => replies.reduce((sum, counts) => sum + counts[round]!, 0));
}

const chargesOf = (policy: Pick<Policy, 'algorithm'> & Partial<Policy>) => [
  { key: 'user:42', policy: testPolicy({ limit: LIMIT, windowMs: WINDOW_MS, ...policy }), cost: 1 },
];

it('four processes with 100 calls each, on a limit of 150 and no schema, are admitted exactly 150', async () => {
  const byAlgorithm = COUNTING_ALGORITHMS.map((algorithm) => ({
    schema: algorithm,
    charges: chargesOf({ algorithm }),
  }));
  const month = chargesOf({
    algorithm: 'fixed-window',
    windowMs: 31 * 24 * HOUR_MS,
    calendar: 'calendar-month',
    timeZone: 'Europe/Berlin',
  });
  const byIsolation = ['repeatable read', 'serializable'].map((isolation) => ({
    schema: isolation,
    options: `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`,
    charges: chargesOf({ algorithm: 'sliding-window' }),
  }));
  const rounds = [...byAlgorithm, { schema: 'month', charges: month }, ...byIsolation];
  const counts = await admitted(rounds);
  expect(rounds.map(({ schema }, round) => [schema, counts[round]])).toEqual(
    rounds.map(({ schema }) => [schema, LIMIT]),
  );
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
  });
});
