import { postgresBackend, type PostgresBackendOptions } from '../../../lib/backends/postgres/postgres.backend.js';
import { postgresSchema } from '../../../lib/backends/postgres/schema.js';
import type { Backend, Reply } from '../../../lib/contracts/backend.js';
import { RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { PostgresServer } from '../../support/postgres-server.js';

const POLICY = testPolicy({ algorithm: 'fixed-window', limit: 100, windowMs: 366 * 86_400_000 });

let server: PostgresServer;
const open: Backend[] = [];

beforeAll(async () => (server = await PostgresServer.start()));
afterAll(() => server.stop());
afterEach(async () => {
  await Promise.all(open.splice(0).map((backend) => backend.close()));
});

type Options = Partial<Omit<PostgresBackendOptions, 'pool'>>;

function backendOf(options: Options = {}): Backend {
  const backend = postgresBackend({ connectionString: server.url, ...options });
  open.push(backend);
  return backend;
}

const consume = async (backend: Backend, key = 'user:42'): Promise<Reply> =>
  backend.consume({ charges: [{ key, policy: POLICY, cost: 1 }], timeoutMs: 20_000 });

const remaining = async (backend: Backend, key?: string): Promise<number | undefined> =>
  (await consume(backend, key)).policies[0]?.remaining;

/** The error of a call, which is one of configuration. */
async function mistake(backend: Backend): Promise<RateLimitConfigurationError> {
  const error: unknown = await consume(backend).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(RateLimitConfigurationError);
  return error as RateLimitConfigurationError;
}

describe('the database', () => {
  it('is set up once, however many start at once', async () => {
    const schema = 'many at once';
    const backends = Array.from({ length: 12 }, () => backendOf({ schema }));
    backends.forEach((backend) => backend.open?.());
    await Promise.all(backends.map((backend) => consume(backend)));
    expect(await remaining(backends[0]!)).toBe(100 - 13);
    const versions = await server.exec('SELECT version FROM "many at once".floodgate_migrations ORDER BY 1');
    expect(versions.map(({ version }) => version as number)).toEqual([1, 4, 5, 6]);
  });

  it('is set up for several tables of a new schema at once', async () => {
    const backends = Array.from({ length: 6 }, (_, index) => backendOf({ schema: 'tables', table: `table ${index}` }));
    expect(await Promise.all(backends.map((backend) => remaining(backend)))).toEqual(Array(6).fill(99));
  });

  it.each(['we"ird', "o'clock", 'Ümlaut Größe', 'select', '%_\\', 'a'.repeat(50)])(
    'may have a schema and a table of the name %s',
    async (name) => {
      const backend = backendOf({ schema: name, table: name });
      expect(await remaining(backend)).toBe(99);
      await backend.close();
      await server.exec(postgresSchema({ schema: name, table: name }));
      expect(await remaining(backendOf({ schema: name, table: name, migrate: false }))).toBe(98);
    },
  );

  it('is set up by SQL that can be run again, and by many at once', async () => {
    const sql = postgresSchema({ schema: 'by hand' });
    await Promise.all([sql, sql, sql].map((one) => server.exec(one)));
    const backend = backendOf({ schema: 'by hand', migrate: false });
    expect(await remaining(backend)).toBe(99);
    await server.exec(sql);
    expect(await remaining(backend)).toBe(98);
  });

  it('is set up again when the table was dropped', async () => {
    const backend = backendOf({ schema: 'dropped' });
    await consume(backend);
    await server.exec('DROP TABLE dropped.floodgate');
    expect(await remaining(backend)).toBe(99);
    await server.exec('DROP SCHEMA dropped CASCADE');
    expect(await remaining(backend)).toBe(99);
  });

  it.each([
    [true, 'u'],
    [false, 'p'],
  ])('has a table that is unlogged: %s', async (unlogged, persistence) => {
    const schema = `unlogged ${unlogged}`;
    await consume(backendOf({ schema, unlogged }));
    const sql = 'SELECT relpersistence FROM pg_class WHERE relname = $1 AND relnamespace = $2::regnamespace';
    expect(await server.exec(sql, ['floodgate', `"${schema}"`])).toEqual([{ relpersistence: persistence }]);
  });

  it.each(['LATIN1', 'SQL_ASCII'])('may be encoded in %s, whatever the keys', async (encoding) => {
    const name = encoding.toLowerCase();
    await server.exec(`CREATE DATABASE ${name} ENCODING '${encoding}' TEMPLATE template0`);
    const backend = backendOf({ connectionString: server.urlOf(server.user, name) });
    const keys = [
      'user:é',
      'user:日本',
      'user:😀',
      'user:\0',
      'user:%00e9',
      'user:\'\\"{},',
      `user:${'ü'.repeat(250)}`,
    ];
    for (const key of keys) expect(await remaining(backend, key)).toBe(99);
    for (const key of keys) expect(await remaining(backend, key)).toBe(98);
  });
});

describe('without migrate', () => {
  it.each([
    ['no schema', 'nowhere', ''],
    ['no table', 'empty', 'CREATE SCHEMA empty'],
    ['an older release', 'older', 'CREATE SCHEMA older; CREATE TABLE older.floodgate (subject text, hits integer)'],
  ])('a database with %s is a mistake that names the command', async (_what, schema, sql) => {
    await server.exec(sql);
    const { message } = await mistake(backendOf({ schema, migrate: false }));
    expect(message).toContain(`postgresSchema({ schema: '${schema}', table: 'floodgate' })`);
    await expect(backendOf({ schema, migrate: false }).ping(AbortSignal.timeout(5_000))).rejects.toThrow(
      RateLimitConfigurationError,
    );
  });

  it('a table that was dropped is one, too', async () => {
    await server.exec(postgresSchema({ schema: 'lost' }));
    const backend = backendOf({ schema: 'lost', migrate: false });
    await consume(backend);
    await server.exec('DROP TABLE lost.floodgate');
    expect((await mistake(backend)).mend).toContain('postgresSchema(');
  });
});

describe('a role', () => {
  const role = async (name: string, grants: string): Promise<Options> => {
    await server.exec(`CREATE ROLE ${name} LOGIN; ${grants}`);
    return { connectionString: server.urlOf(name) };
  };
  const USAGE = 'GRANT USAGE ON SCHEMA granted TO';
  const DML = 'GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE granted.floodgate TO';

  beforeAll(async () => {
    await server.exec(postgresSchema({ schema: 'granted' }));
    await server.exec(
      'REVOKE EXECUTE ON FUNCTION granted.floodgate_v3, granted.floodgate_many_v3, granted.floodgate_each_v3 FROM PUBLIC',
    );
  });

  it('that may use, read, write and execute can count, and sweep', async () => {
    const execute =
      'GRANT EXECUTE ON FUNCTION granted.floodgate_v3, granted.floodgate_many_v3, granted.floodgate_each_v3 TO counter';
    const backend = backendOf({
      ...(await role('counter', `${USAGE} counter; ${DML} counter; ${execute}`)),
      schema: 'granted',
    });
    expect(await remaining(backend)).toBe(99);
    await backend.ping(AbortSignal.timeout(5_000));
    await backend.reset({ charges: [{ key: 'user:42', policy: POLICY, cost: 0 }], timeoutMs: 5_000 });
    expect(await remaining(backend)).toBe(99);
  });

  it.each([
    ['use', '', ''],
    ['execute', '', `${USAGE} _; ${DML} _`],
    [
      'read',
      '',
      `${USAGE} _; GRANT EXECUTE ON FUNCTION granted.floodgate_v3, granted.floodgate_many_v3, granted.floodgate_each_v3 TO _`,
    ],
    [
      'write',
      '',
      `${USAGE} _; GRANT EXECUTE ON FUNCTION granted.floodgate_v3, granted.floodgate_many_v3, granted.floodgate_each_v3 TO _; GRANT SELECT ON granted.floodgate TO _`,
    ],
  ])('that may not %s is a mistake that names the GRANT', async (what, _unused, grants) => {
    const name = `may_not_${what}`;
    const options = { ...(await role(name, grants.replaceAll(' _', ` ${name}`))), schema: 'granted' };
    for (const migrate of [true, false]) {
      const { message } = await mistake(backendOf({ ...options, migrate }));
      expect(message).toContain('GRANT USAGE ON SCHEMA "granted"');
      expect(message).toContain('GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE "granted"."floodgate"');
      expect(message).toContain(
        'GRANT EXECUTE ON FUNCTION "granted"."floodgate_v3", "granted"."floodgate_many_v3", "granted"."floodgate_each_v3"',
      );
    }
  });

  it('that may not set the database up is a mistake that names the command and the GRANT', async () => {
    const options = await role('guest', '');
    const { message } = await mistake(backendOf({ ...options, schema: 'not there' }));
    expect(message).toContain("postgresSchema({ schema: 'not there', table: 'floodgate' })");
    expect(message).toContain('GRANT USAGE ON SCHEMA "not there"');
  });

  it('that may not connect is a mistake that names the GRANT', async () => {
    await server.exec('CREATE DATABASE closed');
    await server.exec('REVOKE CONNECT ON DATABASE closed FROM PUBLIC; CREATE ROLE stranger LOGIN');
    const { message } = await mistake(backendOf({ connectionString: server.urlOf('stranger', 'closed') }));
    expect(message).toContain('GRANT CONNECT ON DATABASE');
  });
});
