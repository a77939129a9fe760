import pg from 'pg';
import { postgresBackend, type PostgresBackendOptions } from '../../../../lib/backends/postgres/postgres.backend.js';
import { postgresSchema } from '../../../../lib/backends/postgres/schema.js';
import { RateLimitConfigurationError } from '../../../../lib/contracts/errors.js';

const connectionString = 'postgres://user:hunter2@localhost:1/database';

const mistakeOf = (options: object): RateLimitConfigurationError => {
  try {
    postgresBackend(options as PostgresBackendOptions);
  } catch (error) {
    return error as RateLimitConfigurationError;
  }
  throw new Error('It was accepted');
};

describe('postgresBackend', () => {
  it('is called postgres unless it is given a name, and connects to nothing', async () => {
    expect(postgresBackend({ connectionString }).name).toBe('postgres');
    const pool = new pg.Pool({ connectionString });
    expect(postgresBackend({ pool, name: 'limits' }).name).toBe('limits');
    expect(pool.totalCount).toBe(0);
    await pool.end();
  });

  it.each<[object, string]>([
    [{ schema: 'limits' }, 'received an object with schema. Neither pool nor connectionString is given. Give one'],
    [{ connectionString, pool: new pg.Pool() }, 'pool and connectionString are both given. Give one'],
  ])('says which options are given, and keeps the password to itself', (options, expected) => {
    const mistake = mistakeOf(options);
    expect(mistake.message).toContain(expected);
    expect(JSON.stringify(mistake)).not.toContain('hunter2');
  });

  it.each<[string, object, string]>([
    ['no connection', {}, 'postgresBackend'],
    ['two connections', { connectionString, pool: new pg.Pool() }, 'postgresBackend'],
    ['an unknown option', { connectionString, shema: 'a' }, 'postgresBackend.shema'],
    ['a client for a pool', { pool: new pg.Client() }, 'postgresBackend.pool'],
    ['no pool', { pool: 'pool' }, 'postgresBackend.pool'],
    [
      'a connection string that is none',
      { connectionString: 'postgres://user:hunter2@host:port/' },
      'postgresBackend.connectionString',
    ],
    ['an empty connection string', { connectionString: '' }, 'postgresBackend.connectionString'],
    ['an empty schema', { connectionString, schema: '' }, 'postgresBackend.schema'],
    ['a table whose name is cut', { connectionString, table: 'ü'.repeat(26) }, 'postgresBackend.table'],
    ['a schema with a dollar', { connectionString, schema: 'a$limiter$' }, 'postgresBackend.schema'],
    ['a migrate that is no boolean', { connectionString, migrate: 'no' }, 'postgresBackend.migrate'],
    ['an unlogged that is no boolean', { connectionString, unlogged: 1 }, 'postgresBackend.unlogged'],
  ])('refuses %s', (_what, options, option) => {
    const error = mistakeOf(options);
    expect(error).toBeInstanceOf(RateLimitConfigurationError);
    expect(error.option).toBe(option);
    expect(error.message).not.toContain('hunter2');
  });
});

describe('postgresSchema', () => {
  it('is one transaction without a placeholder', () => {
    const sql = postgresSchema({ schema: 'limits', table: 'counters' });
    expect(sql).toMatch(/^BEGIN;\n[^]*\nCOMMIT;\n$/);
    expect(sql).not.toMatch(/[^:\w]:(table|limiter|index|seed|unlogged|migrations)\b/);
    expect(sql).toContain('"limits"."counters_v3"');
  });

  it('refuses an unknown option', () => {
    expect(() => postgresSchema({ scheme: 'a' } as object)).toThrow(RateLimitConfigurationError);
  });
});
