import { onlyKnown } from '../../policies/option-checks.js';
import { POLICIES_SQL } from './sql/policies.generated.js';
import { EACH_SQL } from './sql/each.generated.js';
import { LIMITER_SQL } from './sql/limiter.generated.js';
import { MANY_SQL } from './sql/many.generated.js';
import { TABLE_SQL } from './sql/table.generated.js';
import { tableNames, type TableNames } from './table-names.js';

/** The table of the backend. */
export interface PostgresSchemaOptions {
  /** The schema of everything the backend needs; created if it is missing. Default `public`. */
  readonly schema?: string;
  /** Name of the table: at most 50 bytes. Default `floodgate`. */
  readonly table?: string;
  /** Creates an unlogged table: faster, but empty after a crash or a failover. Default false. */
  readonly unlogged?: boolean;
}

/**
 * What counting needs in a database, in order, by number. Each part can run again, and none removes what an older
 * release uses: a changed function gets a new number in its name.
 */
const MIGRATIONS: ReadonlyMap<number, string> = new Map([
  [1, TABLE_SQL],
  // 2 and 3 were the functions of an older contract; a database that has them keeps them.
  [4, LIMITER_SQL],
  [5, MANY_SQL],
  [6, EACH_SQL],
]);

/** What changes of policies need. */
const POLICY_MIGRATIONS: ReadonlyMap<number, string> = new Map([[7, POLICIES_SQL]]);

/** Statements that update a database for counting, for a separate transaction. */
export const counterStatements = (names: TableNames, unlogged: boolean): readonly string[] =>
  statements(MIGRATIONS, names, unlogged);

/** Likewise for changes of policies. */
export const policyStatements = (names: TableNames): readonly string[] => statements(POLICY_MIGRATIONS, names, false);

function statements(sqls: ReadonlyMap<number, string>, names: TableNames, unlogged: boolean): readonly string[] {
  const { migrations } = names;
  return [
    `DO $do$ BEGIN
  IF to_regnamespace(${literal(names.schema)}) IS NULL THEN CREATE SCHEMA ${names.schema}; END IF;
END $do$`,
    `CREATE TABLE IF NOT EXISTS ${migrations} (version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`,
    ...[...sqls].flatMap(([version, sql]) => [
      filled(sql, names, unlogged),
      `INSERT INTO ${migrations} (version) VALUES (${version}) ON CONFLICT (version) DO NOTHING`,
    ]),
  ];
}

/** Lets concurrent migrations wait for each other, for any table, until their transaction ends. */
export const MIGRATION_LOCK = 'SELECT pg_advisory_xact_lock(7308324466420147570)';

/**
 * The SQL that creates everything for `postgresBackend` and `postgresPolicyStore`, for `migrate: false` or for a role
 * with more privileges. It is one transaction, which can run again at any time, also concurrently.
 *
 * @throws RateLimitConfigurationError for a name that PostgreSQL cannot hold
 * @example
 * await client.query(postgresSchema({ schema: 'limits' }));
 */
export function postgresSchema(options: PostgresSchemaOptions = {}): string {
  onlyKnown('postgresSchema', options, ['schema', 'table', 'unlogged']);
  const { schema = 'public', table = 'floodgate', unlogged = false } = options;
  const names = tableNames('postgresSchema', schema, table);
  const all = [...counterStatements(names, unlogged), ...policyStatements(names)];
  return ['BEGIN', MIGRATION_LOCK, ...new Set(all), 'COMMIT']
    .map((sql) => `${sql.trimEnd().replace(/;$/, '')};\n`)
    .join('\n');
}

function filled(sql: string, names: TableNames, unlogged: boolean): string {
  const values: Readonly<Record<string, string>> = { ...names, unlogged: unlogged ? 'UNLOGGED' : '' };
  return sql.replaceAll(/(?<![:\w]):([a-z]+)\b/g, (whole, name: string) => values[name] ?? whole);
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
