import pg from 'pg';
import { postgresBackend } from '../../../lib/backends/postgres/postgres.backend.js';
import type { PostgresClient, PostgresPool } from '../../../lib/backends/postgres/postgres-client.js';
import { LimiterFunction } from '../../../lib/backends/postgres/limiter.function.js';
import { GivenPool } from '../../../lib/backends/postgres/pool-source.js';
import { tableNames } from '../../../lib/backends/postgres/table-names.js';
import { postgresSchema } from '../../../lib/backends/postgres/schema.js';
import type { Backend } from '../../../lib/contracts/backend.js';

const CLOCK = 'pg_catalog.clock_timestamp()';
const SET_CLOCK = "pg_catalog.to_timestamp(pg_catalog.current_setting('floodgate.clock')::float8 / 1000)";

/** A PostgreSQL backend in time of the test's own. */
export interface TimedLimiter extends AsyncDisposable {
  readonly backend: Backend;
  /** The functions themselves. */
  readonly limiter: LimiterFunction;
}

/**
 * The shipped function, but for its clock, which is a setting of the one connection that asks it.
 *
 * @param clock the server's time, read when a call is sent
 */
export async function timedLimiter(url: string, clock: () => number, schema: string): Promise<TimedLimiter> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const sql = postgresSchema({ schema, unlogged: true });
  if (!sql.includes(CLOCK)) throw new Error('The function reads another clock');
  await client.query(sql.replaceAll(CLOCK, SET_CLOCK));
  const pool = poolOf(client, clock);
  const names = tableNames('test', schema, 'floodgate');
  return {
    backend: postgresBackend({ pool, schema, migrate: false }),
    limiter: new LimiterFunction(new GivenPool(pool), names, { migrate: false, unlogged: true }),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** A pool of one connection, for one call after another, each at the time at which it was made. */
function poolOf(client: pg.Client, clock: () => number): PostgresPool {
  let free: Promise<unknown> = Promise.resolve();
  const ignore = (): void => undefined;
  const pool = {
    totalCount: 1,
    async connect(): Promise<PostgresClient> {
      const nowMs = clock();
      const before = free;
      let release = ignore;
      free = new Promise<void>((resolve) => (release = resolve));
      await before;
      await client.query(`SET floodgate.clock = '${nowMs + 0.999}'`);
      return {
        query: (query) => client.query({ ...query, values: query.values ?? [] }),
        release,
        on: ignore,
        off: ignore,
      };
    },
    on: ignore,
    off: ignore,
  };
  return pool;
}
