import pg from 'pg';
import { postgresBackend, postgresSchema, type PostgresConnection } from 'nestjs-floodgate/postgres';
import { eventually } from '../support/eventually.js';
import { PostgresServer } from '../support/postgres-server.js';
import { SmallDisk } from '../support/small-disk.js';
import type { StoreFault, StoreScene } from './describe-store-faults.js';

type Course = Pick<StoreScene, 'break' | 'mend'> & { connection?(): PostgresConnection };

/** A scene with a server of its own, and what else has to be ended. */
async function scene(
  play: (server: PostgresServer, endLater: (end: () => Promise<unknown>) => void) => Course | Promise<Course>,
  settings: Readonly<Record<string, string>> = {},
): Promise<StoreScene> {
  const server = await PostgresServer.start({ settings });
  const ends: (() => Promise<unknown>)[] = [];
  const course = await play(server, (end) => ends.unshift(end));
  return {
    ...course,
    backend: (name) => postgresBackend({ ...(course.connection?.() ?? { connectionString: server.url }), name }),
    async [Symbol.asyncDispose]() {
      for (const end of ends) await end();
      await server.stop();
    },
  };
}

async function connected(server: PostgresServer, sql: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(sql);
  return client;
}

/** Somebody else holds the table until it is mended. */
function locking(server: PostgresServer, endLater: (end: () => Promise<unknown>) => void): Course {
  let holder: pg.Client | undefined;
  endLater(() => holder?.end() ?? Promise.resolve());
  return {
    async break() {
      holder = await connected(server, 'BEGIN; LOCK TABLE public.floodgate IN ACCESS EXCLUSIVE MODE');
    },
    mend: () => holder!.query('ROLLBACK'),
  };
}

/** A backend and a pool that is ended with the scene. */
function poolOf(
  server: PostgresServer,
  endLater: (end: () => Promise<unknown>) => void,
  config: pg.PoolConfig,
): { readonly pool: pg.Pool } {
  const pool = new pg.Pool({ connectionString: server.url, ...config });
  endLater(() => pool.end());
  return { pool };
}

/**
 * The table lies on a small disk of its own, which fills up: a new row needs a page, and there is none. Where the tests
 * may not mount a disk, a trigger says what the server would.
 */
async function filling(server: PostgresServer, endLater: (end: () => Promise<unknown>) => void): Promise<Course> {
  const disk = await SmallDisk.mount(server.owner);
  if (disk === undefined) return saysFull(server);
  endLater(() => disk.unmount());
  endLater(async () => disk.free());
  await server.exec(postgresSchema());
  await server.exec(`CREATE TABLESPACE small LOCATION '${disk.path}'`);
  await server.exec('ALTER TABLE public.floodgate SET TABLESPACE small');
  return {
    async break() {
      // No row finds room in a page that others are in.
      await server.exec('ALTER TABLE public.floodgate SET (fillfactor = 10)');
      await disk.fill();
    },
    mend: async () => disk.free(),
  };
}

async function saysFull(server: PostgresServer): Promise<Course> {
  await server.exec(postgresSchema());
  await server.exec(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$`);
  return {
    break: () => server.exec('CREATE TRIGGER is_full BEFORE INSERT ON floodgate EXECUTE FUNCTION full_disk()'),
    mend: () => server.exec('DROP TRIGGER is_full ON floodgate'),
  };
}

/** Takes every connection that the server still gives, and cuts those of the applications. */
async function occupied(server: PostgresServer): Promise<pg.Client[]> {
  const clients: pg.Client[] = [];
  const take = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: server.urlOf('app') });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
  };
  const isFull = async (): Promise<boolean> => {
    await server.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'limited'");
    for (;;) {
      try {
        await take();
      } catch {
        const limited = await server.exec("SELECT FROM pg_stat_activity WHERE application_name = 'limited'");
        return limited.length === 0;
      }
    }
  };
  await eventually(isFull, { what: 'every connection is taken' });
  return clients;
}

export const POSTGRES_FAULTS: readonly StoreFault[] = [
  {
    name: 'crashes (`kill -9`)',
    reason: /ECONNREFUSED/,
    start: () => scene((server) => ({ break: () => server.crash(), mend: () => server.restart() })),
  },
  {
    name: 'freezes (`SIGSTOP`)',
    reason: /DEADLINE_EXCEEDED/,
    start: () =>
      scene((server) => ({
        break: async () => server.freeze(),
        mend: async () => server.thaw(),
      })),
  },
  {
    name: 'somebody locks the table',
    reason: /55P03/,
    start: () => scene(locking),
  },
  {
    name: '`statement_timeout`',
    reason: /57014/,
    start: () =>
      scene((server, endLater) => ({
        ...locking(server, endLater),
        connection: () => poolOf(server, endLater, { statement_timeout: 50 }),
      })),
  },
  {
    name: 'the pool is exhausted',
    reason: /DEADLINE_EXCEEDED/,
    start: () =>
      scene((server, endLater) => {
        const pools: pg.Pool[] = [];
        let taken: pg.PoolClient[] = [];
        const free = async (): Promise<void> => taken.splice(0).forEach((client) => client.release());
        endLater(free);
        return {
          connection() {
            const { pool } = poolOf(server, endLater, { max: 1 });
            pools.push(pool);
            return { pool };
          },
          async break() {
            taken = await Promise.all(pools.map((pool) => pool.connect()));
          },
          mend: free,
        };
      }),
  },
  {
    name: 'too many clients',
    reason: /53300/,
    start: () =>
      scene(
        async (server, endLater) => {
          await server.exec('CREATE ROLE app LOGIN; GRANT CREATE ON SCHEMA public TO app');
          let clients: pg.Client[] = [];
          const free = (): Promise<unknown> => Promise.all(clients.splice(0).map((one) => one.end()));
          endLater(free);
          return {
            connection: () => ({ connectionString: `${server.urlOf('app')}?application_name=limited` }),
            async break() {
              clients = await occupied(server);
            },
            mend: free,
          };
        },
        { max_connections: '20', max_wal_senders: '0' },
      ),
  },
  {
    name: 'read-only (`default_transaction_read_only`)',
    reason: /25006/,
    start: () =>
      scene((server) => {
        const set = async (value: string): Promise<void> => {
          await server.exec(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
          await server.exec('SELECT pg_reload_conf()');
          await eventually(async () => {
            const [row] = await server.exec('SHOW default_transaction_read_only');
            return row?.['default_transaction_read_only'] === value;
          });
          // Every session hears of it at a moment of its own: one that is new has heard.
          await server.exec(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
          );
        };
        return { break: () => set('on'), mend: () => set('off') };
      }),
  },
  {
    name: 'the disk is full',
    reason: /53100/,
    isHidden: true,
    start: () => scene(filling),
  },
  {
    name: 'failover of the address to a standby',
    reason: /ECONNREFUSED|ECONNRESET|25006|57P|Error/,
    start: () =>
      scene(async (server, endLater) => {
        const standby = await PostgresServer.start({ standbyOf: server });
        endLater(() => standby.stop());
        return {
          async break() {
            const { port } = server;
            await server.crash();
            await standby.restart(port);
          },
          mend: () => standby.exec('SELECT pg_promote()'),
        };
      }),
  },
];
