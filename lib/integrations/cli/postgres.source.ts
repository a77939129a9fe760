import pg from 'pg';
import { counterId, keyOfSubject, subjectOf } from '../../backends/postgres/limiter.call.js';
import { postgresBackend } from '../../backends/postgres/postgres.backend.js';
import { storedCounters } from '../../backends/postgres/stored-counters.js';
import { type TableNames, tableNames } from '../../backends/postgres/table-names.js';
import type { Backend } from '../../contracts/backend.js';
import {
  type CounterSource,
  placeOf,
  type Scan,
  type SourceOptions,
  type StoredSubject,
  type TakeSubject,
} from './counter-source.js';
import { unreachable, wrongUse } from './failures.js';

/** Rows that are fetched at a time. */
const PAGE = 1_000;

interface Row {
  readonly subject: string;
  readonly counters: readonly string[];
}

/** Counters in a PostgreSQL database. */
export class PostgresSource implements CounterSource {
  readonly place: string;
  readonly backend: Backend;
  readonly counterId = counterId;
  private readonly pool: pg.Pool;
  private readonly names: TableNames;

  constructor(url: string, { schema, table, timeoutMs }: SourceOptions) {
    this.place = placeOf('postgres', url);
    this.names = tableNames('floodgate', schema, table);
    this.pool = new pg.Pool({
      connectionString: url,
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
      max: 1,
    });
    this.pool.on('error', () => undefined);
    // To look at a database must not set one up.
    this.backend = postgresBackend({ pool: this.pool, schema, table, migrate: false });
  }

  async connect(): Promise<void> {
    try {
      await this.pool.query('SELECT 1');
    } catch (error) {
      throw unreachable(this.place, error);
    }
  }

  async read(key: string): Promise<StoredSubject & { readonly nowMs: number }> {
    const nowMs = await this.nowMs();
    const [row] = await this.rows('subject = $1', [subjectOf(key)]);
    return { key, counters: row === undefined ? [] : storedCounters(row.counters, nowMs), nowMs };
  }

  /** In the order of the keys, a page at a time: no transaction stays open. */
  async scan(most: number, take: TakeSubject): Promise<Scan> {
    const nowMs = await this.nowMs();
    let scanned = 0;
    let last = '';
    for (;;) {
      const page = Math.min(PAGE, most - scanned);
      const rows = await this.rows(`subject > $1 ORDER BY subject LIMIT ${page}`, [last]);
      for (const { subject, counters } of rows) {
        take({ key: keyOfSubject(subject), counters: storedCounters(counters, nowMs) }, nowMs);
        last = subject;
      }
      scanned += rows.length;
      if (rows.length < page) return { scanned, isComplete: true, nowMs };
      if (scanned >= most) return { scanned, isComplete: false, nowMs };
    }
  }

  /** Under the lock of the subject, as the limiter's own function: no call may be half way through it. */
  async remove(key: string): Promise<void> {
    const client = await this.pool.connect();
    const subject = [subjectOf(key)];
    try {
      await client.query('BEGIN');
      await client.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, ${this.names.seed}))`, subject);
      await client.query(`DELETE FROM ${this.names.table} WHERE subject = $1`, subject);
      await client.query('COMMIT');
    } catch (error) {
      // The connection may be in the middle of a transaction: it goes, and its locks with it.
      client.release(true);
      throw error;
    }
    client.release();
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  private async rows(where: string, values: readonly string[]): Promise<readonly Row[]> {
    try {
      const { rows } = await this.pool.query<Row>(
        `SELECT subject, counters::text[] AS counters FROM ${this.names.table} WHERE ${where}`,
        [...values],
      );
      return rows;
    } catch (error) {
      const { code } = error as { code?: unknown };
      // No such table, or no such schema.
      if (code !== '42P01' && code !== '3F000') throw error;
      throw wrongUse(`There is no table ${this.names.table} in this database: see --schema and --table.`);
    }
  }

  private async nowMs(): Promise<number> {
    const { rows } = await this.pool.query<{ now: string }>(
      'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::text AS now',
    );
    return Number(rows[0]?.now);
  }
}
