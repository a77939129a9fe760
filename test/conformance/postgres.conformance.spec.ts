import pg from 'pg';
import { postgresBackend } from '../../lib/backends/postgres/postgres.backend.js';
import { describeConformance } from '../../lib/testing/conformance.js';
import { PostgresServer } from '../support/postgres-server.js';

let server: PostgresServer;
let pool: pg.Pool;

beforeAll(async () => {
  server = await PostgresServer.start();
  pool = new pg.Pool({ connectionString: server.url });
});

afterAll(async () => {
  await pool.end();
  await server.stop();
});

const runner = { describe, it };

describeConformance(runner, {
  name: 'PostgreSQL by its own clock',
  create: () => postgresBackend({ connectionString: server.url }),
});

describeConformance(runner, {
  name: 'PostgreSQL by a pool of the application',
  create: () => postgresBackend({ pool, schema: 'limits', unlogged: true }),
});
