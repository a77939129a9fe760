import { postgresPolicyStore, postgresSchema, type PostgresPolicyStoreOptions } from 'nestjs-floodgate/postgres';
import pg from 'pg';
import type { PolicyDocument } from '../../../lib/contracts/policy-store.js';
import { PostgresServer } from '../../support/postgres-server.js';
import { describePolicyStore } from '../describe-policy-store.js';

describePolicyStore('PostgreSQL', async () => {
  const postgres = await PostgresServer.start();
  return {
    store: () => postgresPolicyStore({ connectionString: postgres.url, schema: 'limits' }),
    freeze: () => postgres.freeze(),
    thaw: () => postgres.thaw(),
    put: (document) => postgres.exec('UPDATE limits.floodgate_policies SET document = $1', [document]),
    clear: () => postgres.exec('DROP SCHEMA limits CASCADE'),
    stop: () => postgres.stop(),
  };
});

describe('postgresPolicyStore', () => {
  const document = (key: string): PolicyDocument => ({
    policies: {},
    overrides: [{ policy: 'api', key, to: 'unlimited' }],
    shadow: false,
  });
  const adding =
    (key: string) =>
    (present: PolicyDocument | undefined): PolicyDocument => ({
      ...document(key),
      overrides: [...(present?.overrides ?? []), ...document(key).overrides],
    });

  let server: PostgresServer;
  beforeAll(async () => (server = await PostgresServer.start()));
  afterAll(() => server.stop());

  it.each(['read committed', 'repeatable read', 'serializable'])(
    'loses no change of many at once by sessions that are %s',
    async (isolation) => {
      const schema = isolation;
      const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`;
      const pool = new pg.Pool({ connectionString: server.url, options, max: 6 });
      const stores = Array.from({ length: 6 }, () => postgresPolicyStore({ pool, schema }));
      await Promise.all(stores.map((store, index) => store.change(adding(`user:${index}`))));
      const keys = (await stores[0]!.read())?.overrides.map(({ key }) => key).sort();
      expect(keys).toEqual(['user:0', 'user:1', 'user:2', 'user:3', 'user:4', 'user:5']);
      await pool.end();
    },
  );

  it('keeps any key in a database of any encoding', async () => {
    await server.exec("CREATE DATABASE latin ENCODING 'SQL_ASCII' TEMPLATE template0");
    const store = postgresPolicyStore({ connectionString: server.urlOf(server.user, 'latin') });
    const written = document('user:\u0000日本"\\ü😀');
    await store.change(() => written);
    expect(await store.read()).toEqual(written);
    await store.close();
  });

  it('writes nothing where an update throws', async () => {
    const store = postgresPolicyStore({ connectionString: server.url, schema: 'throwing' });
    const failing = store.change(() => {
      throw new Error('wrong');
    });
    await expect(failing).rejects.toThrow('wrong');
    expect(await store.read()).toBeUndefined();
    await store.close();
  });

  it('makes its own table alone, and needs no more than the grant that an error names', async () => {
    const options: PostgresPolicyStoreOptions = { connectionString: server.url, schema: 'own' };
    const owner = postgresPolicyStore(options);
    await owner.change(() => document('user:1'));
    await owner.close();
    const tables = await server.exec("SELECT tablename FROM pg_tables WHERE schemaname = 'own' ORDER BY 1");
    expect(tables).toEqual([{ tablename: 'floodgate_migrations' }, { tablename: 'floodgate_policies' }]);

    await server.exec('CREATE ROLE editor LOGIN');
    const store = postgresPolicyStore({ ...options, connectionString: server.urlOf('editor'), migrate: false });
    const refused: unknown = await store.read().catch((error: unknown) => error);
    const [grant = ''] = /GRANT USAGE.*;/.exec(String(refused)) ?? [];
    expect(grant).toContain('"own"."floodgate_policies"');
    await server.exec(grant.replaceAll('<role>', 'editor'));
    expect(await store.change(adding('user:2'))).toMatchObject({ overrides: [{ key: 'user:1' }, { key: 'user:2' }] });
    await store.close();
  });

  it('tells the command where its table is missing and it may not make it', async () => {
    const store = postgresPolicyStore({ connectionString: server.url, schema: 'by hand', migrate: false });
    await expect(store.read()).rejects.toThrow(/postgresPolicyStore.*postgresSchema\(\{ schema: 'by hand'/s);
    await server.exec(postgresSchema({ schema: 'by hand' }));
    expect(await store.read()).toBeUndefined();
    await store.close();
  });
});
