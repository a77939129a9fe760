import { BackendUnavailableError } from '../../contracts/errors.js';
import type { PolicyDocument, PolicyStore } from '../../contracts/policy-store.js';
import { aBoolean, onlyKnown } from '../../policies/option-checks.js';
import { Migrator } from './migrator.js';
import { onConnection, Patience } from './patient-query.js';
import { poolSourceOf, type PoolSource } from './pool-source.js';
import { statement, type PostgresConnection } from './postgres-client.js';
import { translated } from './postgres-errors.js';
import { KEEPING_POLICIES } from './purpose.js';
import { policyStatements, type PostgresSchemaOptions } from './schema.js';
import { isConflict, isMissing } from './sql-state.js';
import { tableNames, type TableNames } from './table-names.js';

/** Options of `postgresPolicyStore()`. */
export type PostgresPolicyStoreOptions = PostgresConnection &
  Omit<PostgresSchemaOptions, 'unlogged'> & {
    /** Creates its table if it is missing. Default true. */
    readonly migrate?: boolean;
    /** Shown in health and errors. Default `postgres-policies`. */
    readonly name?: string;
  };

/** Longest wait for the database, in ms: less than the module waits for a store, so the connection is free in time. */
const TIMEOUT_MS = 1_500;

/** Changes that others made at the same moment, before one is given up. */
const MAX_ATTEMPTS = 20;

/** Reading is all that it does most of the time. */
const CONNECTIONS = 2;

/**
 * Stores changes of policies in PostgreSQL, for all processes that share it, in its own table next to the counters
 * (`floodgate_policies`). Each read and each change is one statement, so it works with PgBouncer in transaction mode.
 *
 * @throws RateLimitConfigurationError unless exactly one of `pool` and `connectionString` is given, or for a wrong option
 * @example
 * RateLimitModule.forRoot({ policies, policyStore: postgresPolicyStore({ connectionString: process.env.DATABASE_URL }) })
 */
export function postgresPolicyStore(options: PostgresPolicyStoreOptions): PolicyStore {
  onlyKnown('postgresPolicyStore', options, ['pool', 'connectionString', 'schema', 'table', 'migrate', 'name']);
  return new PostgresPolicyStore(options);
}

class PostgresPolicyStore implements PolicyStore {
  readonly name: string;
  private readonly names: TableNames;
  private readonly source: PoolSource;
  private readonly migrator: Migrator | undefined;
  private readonly sql: { readonly read: string; readonly write: string };

  constructor(options: PostgresPolicyStoreOptions) {
    const { schema = 'public', table = 'floodgate', migrate = true, name = 'postgres-policies' } = options;
    aBoolean('postgresPolicyStore.migrate', migrate);
    this.name = name;
    this.names = tableNames('postgresPolicyStore', schema, table);
    this.source = poolSourceOf('postgresPolicyStore', options, CONNECTIONS);
    const { policies } = this.names;
    this.migrator = migrate
      ? new Migrator(this.source, this.names, policyStatements(this.names), KEEPING_POLICIES)
      : undefined;
    // Writes only over the document that it was made of; the first one only where there is none.
    this.sql = {
      read: `SELECT document FROM ${policies}`,
      write: `INSERT INTO ${policies} AS present (document)
SELECT $2::text WHERE $1::text = '' OR EXISTS (SELECT FROM ${policies})
ON CONFLICT (only_row) DO UPDATE SET document = EXCLUDED.document WHERE present.document = $1
RETURNING 1`,
    };
  }

  async read(): Promise<PolicyDocument | undefined> {
    return documentOf(await this.present());
  }

  async change(update: (present: PolicyDocument | undefined) => PolicyDocument): Promise<PolicyDocument> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const present = await this.present();
      const document = update(documentOf(present));
      if (await this.replaced(present, ascii(JSON.stringify(document)))) return document;
    }
    throw new BackendUnavailableError({
      backend: this.name,
      cause: new Error('Other processes keep changing the policies at the same time'),
    });
  }

  close(): Promise<void> {
    return this.source.close();
  }

  /** The document as it is kept; empty if there is none. */
  private async present(): Promise<string> {
    const rows = await this.run(this.sql.read, []);
    const [document = ''] = rows[0] ?? [];
    return document as string;
  }

  /** Whether the document had not changed since it was read. */
  private async replaced(present: string, document: string): Promise<boolean> {
    try {
      return (await this.run(this.sql.write, [present, document])).length > 0;
    } catch (error) {
      // A session that is serializable says so by an error.
      if (error instanceof BackendUnavailableError && isConflict(error.cause)) return false;
      throw error;
    }
  }

  private async run(sql: string, values: unknown[]): Promise<readonly (readonly unknown[])[]> {
    try {
      this.source.open();
      return await this.attempt(sql, values).catch(async (error: unknown) => {
        if (!isMissing(error) || this.migrator === undefined) throw error;
        await this.migrator.run();
        return this.attempt(sql, values);
      });
    } catch (error) {
      throw translated(error, this.name, this.names, KEEPING_POLICIES);
    }
  }

  private async attempt(sql: string, values: unknown[]): Promise<readonly (readonly unknown[])[]> {
    const query = statement(sql, values);
    const { rows } = await onConnection(this.source, new Patience(TIMEOUT_MS), (client) => client.query(query));
    return rows;
  }
}

const documentOf = (text: string): PolicyDocument | undefined =>
  text === '' ? undefined : (JSON.parse(text) as PolicyDocument);

/** The same JSON in ASCII: a database may be unable to hold other characters, whatever its encoding. */
const ascii = (json: string): string =>
  json.replace(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
