import pg from 'pg';
import { postgresBackend } from '../../lib/backends/postgres/postgres.backend.js';
import { describeConformance } from '../../lib/testing/conformance.js';
import { timedLimiter, type TimedLimiter } from '../backends/postgres/timed-limiter.js';
import { manualClock } from '../support/manual-clock.js';
import { PostgresServer } from '../support/postgres-server.js';

const clock = manualClock();
let timed: TimedLimiter;
let server: PostgresServer;
let pool: pg.Pool;

beforeAll(async () => {
  server = await PostgresServer.start();
  pool = new pg.Pool({ connectionString: server.url });
  timed = await timedLimiter(server.url, clock, 'timed');
});

afterAll(async () => {
  await timed[Symbol.asyncDispose]();
  await pool.end();
  await server.stop();
});

const runner = { describe, it };

describeConformance(runner, {
  name: 'PostgreSQL by its own clock',
  create: () => postgresBackend({ pool, schema: 'limits', unlogged: true }),
});

describeConformance(runner, {
  name: "PostgreSQL's function on a set clock",
  clock,
  create: () => timed.backend,
});
