import { missingPrivilege } from './mends.js';
import { onConnection, Patience } from './patient-query.js';
import type { PoolSource } from './pool-source.js';
import { statement, type PostgresClient } from './postgres-client.js';
import type { Purpose } from './purpose.js';
import { MIGRATION_LOCK } from './schema.js';
import { isForbidden } from './sql-state.js';
import type { TableNames } from './table-names.js';

/** A migration that takes longer is given up, in ms: it waits for other processes, and for nothing else. */
const MIGRATION_TIMEOUT_MS = 10_000;

/** Brings the database up to date, once for all who ask at the same time. */
export class Migrator {
  private running: Promise<void> | undefined;

  constructor(
    private readonly source: PoolSource,
    private readonly names: TableNames,
    private readonly statements: readonly string[],
    private readonly purpose: Purpose,
  ) {}

  /**
   * @throws RateLimitConfigurationError if the role may not do it
   * @throws what else the database says; and then it can be tried again
   */
  run(): Promise<void> {
    this.running ??= this.migrated().finally(() => (this.running = undefined));
    return this.running;
  }

  private async migrated(): Promise<void> {
    const patience = new Patience(MIGRATION_TIMEOUT_MS);
    try {
      await onConnection(this.source, patience, (client) => this.transaction(client));
    } catch (error) {
      throw isForbidden(error) ? missingPrivilege(error as Error, 'migrate', this.names, this.purpose) : error;
    }
  }

  /** In one transaction, whose statements see what those who had the lock before have done. */
  private async transaction(client: PostgresClient): Promise<void> {
    await client.query(statement('BEGIN ISOLATION LEVEL READ COMMITTED'));
    try {
      const limits = ['lock_timeout', 'statement_timeout'].map((one) => `set_config('${one}', $1, true)`).join(', ');
      await client.query(statement(`SELECT ${limits}`, [String(MIGRATION_TIMEOUT_MS / 2)]));
      await client.query(statement(MIGRATION_LOCK));
      for (const sql of this.statements) await client.query(statement(sql));
      await client.query(statement('COMMIT'));
    } catch (error) {
      await client.query(statement('ROLLBACK')).catch(() => undefined);
      throw error;
    }
  }
}
