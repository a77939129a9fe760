import { onConnection, Patience } from './patient-query.js';
import type { PoolSource } from './pool-source.js';
import { statement } from './postgres-client.js';
import type { TableNames } from './table-names.js';

/** Time between two sweeps of a process, in ms, minus up to half of it at random, so that processes take turns. */
const INTERVAL_MS = 15_000;

/** Rows that one statement takes: it holds their locks for some milliseconds. */
const BATCH = 1_000;

/** A batch that takes longer is given up, in ms. */
const BATCH_TIMEOUT_MS = 2_000;

/**
 * Deletes expired rows. There is no timer: decisions trigger it. Any number of processes can do it at the same time,
 * because each skips rows that another process is using.
 */
export class Sweeper {
  private dueMs: number;
  private sweeping = false;
  private readonly sql: string;

  /** @param clock monotonic ms */
  constructor(
    private readonly source: PoolSource,
    { table }: TableNames,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.dueMs = clock() + INTERVAL_MS * Math.random();
    const dead = `SELECT ctid FROM ${table} WHERE expires_ms < $1 ORDER BY expires_ms LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`;
    this.sql = `WITH swept AS (DELETE FROM ${table} WHERE ctid = ANY (ARRAY(${dead})) RETURNING 1) SELECT count(*)::text FROM swept`;
  }

  /** @param nowMs the database's time: its clock decides what is over */
  remind(nowMs: number): void {
    if (this.sweeping || this.clock() < this.dueMs) return;
    this.sweeping = true;
    void this.sweep(nowMs).finally(() => {
      this.sweeping = false;
      this.dueMs = this.clock() + INTERVAL_MS * (1 - Math.random() / 2);
    });
  }

  /**
   * Runs until no expired row is left. A failure is not reported: calls report an outage, and the next sweep does the
   * rest.
   */
  private async sweep(nowMs: number): Promise<void> {
    try {
      while ((await this.removeBatch(nowMs)) === BATCH);
    } catch {
      // Somebody else may have swept at the same time; or it is done next time.
    }
  }

  private async removeBatch(nowMs: number): Promise<number> {
    const query = statement(this.sql, [String(nowMs)]);
    const { rows } = await onConnection(this.source, new Patience(BATCH_TIMEOUT_MS), (client) => client.query(query));
    return Number(rows[0]?.[0]);
  }
}
