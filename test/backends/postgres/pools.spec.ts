import pg from 'pg';
import { postgresBackend } from '../../../lib/backends/postgres/postgres.backend.js';
import type { Backend, Charge, Reply } from '../../../lib/contracts/backend.js';
import { BackendUnavailableError } from '../../../lib/contracts/errors.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { eventually } from '../../support/eventually.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { RunningClock } from '../../support/running-clock.js';

const POLICY = testPolicy({ algorithm: 'sliding-window', limit: 10, windowMs: 3_600_000 });
const MORE = testPolicy({ name: 'more', algorithm: 'token-bucket', limit: 20, windowMs: 3_600_000 });

const chargeOf = (key: string, cost = 1): Charge => ({ key, policy: POLICY, cost });
const consume = async (backend: Backend, key: string, timeoutMs = 10_000): Promise<Reply> =>
  backend.consume({ charges: [chargeOf(key), { key: `everybody of ${key}`, policy: MORE, cost: 1 }], timeoutMs });

let server: PostgresServer;

beforeAll(async () => {
  server = await PostgresServer.start();
  await server.exec('CREATE SCHEMA other; CREATE TABLE other.floodgate (subject integer)');
});

afterAll(() => server.stop());

/** A pool that is ended at the end. */
async function withPool<T>(config: pg.PoolConfig, work: (pool: pg.Pool) => Promise<T>): Promise<T> {
  const pool = new pg.Pool({ connectionString: server.url, ...config });
  pool.on('error', () => undefined);
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

describe('a pool of the application', () => {
  const parsers: pg.CustomTypesConfig = { getTypeParser: () => () => 'not what was sent' };

  it.each<[string, pg.PoolConfig]>([
    ['an empty search_path', { options: '-c search_path=' }],
    ['another schema in front, with a table of that name', { options: '-c search_path=other,public' }],
    ['another time zone and date style', { options: '-c TimeZone=Asia/Kathmandu -c DateStyle=German' }],
    ['parsers of its own', { types: parsers }],
    ['repeatable read', { options: '-c default_transaction_isolation=repeatable\\ read' }],
    ['serializable', { options: '-c default_transaction_isolation=serializable' }],
    ['strings with escapes', { options: '-c standard_conforming_strings=off' }],
    ['one connection', { max: 1 }],
    ['rows in binary', { binary: true } as pg.PoolConfig],
  ])('may have %s', async (what, config) => {
    await withPool(config, async (pool) => {
      const backend = postgresBackend({ pool });
      const replies = await Promise.all(Array.from({ length: 12 }, () => consume(backend, what)));
      expect(replies.filter(({ allowed }) => allowed)).toHaveLength(10);
      expect(Math.abs(replies[0]!.nowMs - Date.now())).toBeLessThan(60_000);
    });
  });

  it('is asked one statement for a decision, without a name', async () => {
    await withPool({ max: 1 }, async (pool) => {
      const statements: unknown[] = [];
      pool.on('connect', (client) => {
        const query = client.query.bind(client) as (...args: unknown[]) => unknown;
        Object.assign(client, { query: (...args: unknown[]) => (statements.push(args[0]), query(...args)) });
      });
      const backend = postgresBackend({ pool });
      await consume(backend, 'counted');
      await consume(backend, 'counted');
      statements.length = 0;
      expect((await consume(backend, 'counted')).policies[0]?.remaining).toBe(7);
      expect(statements).toHaveLength(1);
      expect(statements[0]).not.toHaveProperty('name');
    });
  });

  it('is left open, with what listened to it', async () => {
    await withPool({}, async (pool) => {
      const listeners = pool.listenerCount('error');
      const backend = postgresBackend({ pool });
      backend.open?.();
      await consume(backend, 'left open');
      await backend.close();
      expect(pool.ended || pool.ending).toBe(false);
      expect(pool.listenerCount('error')).toBe(listeners);
      expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });

  it('that was ended is an outage', async () => {
    const pool = new pg.Pool({ connectionString: server.url });
    await pool.end();
    await expect(consume(postgresBackend({ pool }), 'ended')).rejects.toThrow(BackendUnavailableError);
  });
});

describe('a pool of its own', () => {
  const sessions = async (name: string): Promise<number> =>
    (await server.exec('SELECT FROM pg_stat_activity WHERE application_name = $1', [name])).length;

  it('connects when it is opened, ends with it, and can be opened again', async () => {
    const backend = postgresBackend({ connectionString: `${server.url}?application_name=own` });
    expect(await sessions('own')).toBe(0);
    backend.open?.();
    await eventually(async () => (await sessions('own')) === 1);
    await backend.close();
    await eventually(async () => (await sessions('own')) === 0);
    await expect(consume(backend, 'own')).rejects.toThrow(BackendUnavailableError);
    backend.open?.();
    expect((await consume(backend, 'own')).allowed).toBe(true);
    await backend.close();
  });

  it.each(['with a connection', 'while it connects'])('closes soon on a server that stands still, %s', async (when) => {
    const backend = postgresBackend({ connectionString: server.url });
    if (when === 'with a connection') await consume(backend, 'closing');
    server.freeze();
    try {
      const calls = Array.from({ length: 3 }, () =>
        consume(backend, 'closing', 4_000).catch((error: unknown) => error),
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
      using clock = new RunningClock();
      await backend.close();
      for (const error of await Promise.all(calls)) expect(error).toBeInstanceOf(BackendUnavailableError);
      // Long before the calls would have given up, or the attempts to connect.
      expect(clock.now()).toBeLessThan(3_500);
    } finally {
      server.thaw();
    }
  });
});

describe('a call that is given up', () => {
  /** Statements that run on the server: those that wait for a lock, and those that will. */
  const running = async (): Promise<number> =>
    (
      await server.exec(
        "SELECT FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()",
      )
    ).length;

  it.each([
    ['a lock on the table', 'LOCK TABLE public.floodgate IN ACCESS EXCLUSIVE MODE'],
    ['a lock on its row', 'SELECT * FROM public.floodgate FOR UPDATE'],
    ['the lock of its subject', 'seen'],
  ])('behind %s holds no connection, neither here nor on the server', async (what, sql) => {
    await withPool({ max: 2 }, async (pool) => {
      const backend = postgresBackend({ pool });
      await consume(backend, what);
      const holder = new pg.Client({ connectionString: server.url });
      await holder.connect();
      try {
        await holder.query('BEGIN');
        if (sql.includes('seen')) await takeLocksOf(backend, what, holder);
        else await holder.query(sql);
        const calls = Array.from({ length: 6 }, () => consume(backend, what, 300));
        const outcomes = await Promise.allSettled(calls);
        expect(outcomes.map(({ status }) => status)).toEqual(Array(6).fill('rejected'));
        for (const outcome of outcomes) {
          expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(BackendUnavailableError);
        }
        expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
        await eventually(
          async () => pool.waitingCount === 0 && pool.idleCount === pool.totalCount && (await running()) === 0,
        );
        await holder.query('ROLLBACK');
      } finally {
        await holder.end();
      }
      // Nobody was charged meanwhile.
      expect((await consume(backend, what)).policies[0]?.remaining).toBe(8);
    });
  });

  it('while the pool has no connection left takes none later', async () => {
    await withPool({ max: 1 }, async (pool) => {
      const backend = postgresBackend({ pool });
      await consume(backend, 'exhausted');
      const taken = await pool.connect();
      await expect(consume(backend, 'exhausted', 100)).rejects.toMatchObject({
        code: 'BACKEND_UNAVAILABLE',
        cause: { code: 'DEADLINE_EXCEEDED' },
      });
      taken.release();
      await eventually(() => pool.waitingCount === 0 && pool.idleCount === pool.totalCount);
      expect((await consume(backend, 'exhausted')).policies[0]?.remaining).toBe(8);
    });
  });

  it('on a server that stands still makes room in the pool', async () => {
    await withPool({ max: 2, connectionTimeoutMillis: 1_000 }, async (pool) => {
      const backend = postgresBackend({ pool });
      await consume(backend, 'frozen');
      server.freeze();
      try {
        const calls = Array.from({ length: 4 }, () => consume(backend, 'frozen', 100));
        const outcomes = await Promise.allSettled(calls);
        expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
      } finally {
        server.thaw();
      }
      await eventually(async () => (await consume(backend, 'frozen', 2_000)).allowed, { timeoutMs: 15_000 });
      await eventually(() => pool.idleCount === pool.totalCount && pool.waitingCount === 0);
    });
  });
});

/** Holds the locks that a decision on these keys takes: those that are there while it waits for the table. */
async function takeLocksOf(backend: Backend, key: string, holder: pg.Client): Promise<void> {
  await holder.query('SAVEPOINT before; LOCK TABLE public.floodgate IN ACCESS EXCLUSIVE MODE');
  const blocked = consume(backend, key, 1_000).catch(() => undefined);
  const locks = await eventually(async () => {
    const sql = "SELECT ((classid::bigint << 32) | objid::bigint) AS id FROM pg_locks WHERE locktype = 'advisory'";
    const { rows } = await holder.query<{ id: string }>(sql);
    return rows.length === 2 && rows;
  });
  await blocked;
  await holder.query('ROLLBACK TO SAVEPOINT before');
  for (const { id } of locks) await holder.query('SELECT pg_advisory_xact_lock($1)', [id]);
}
