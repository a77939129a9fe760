import { onConnection, Patience } from './patient-query.js';
import type { PoolSource } from './pool-source.js';
import { statement } from './postgres-client.js';
import type { TableNames } from './table-names.js';

/** Time between two sweeps of a process, in ms, up to half of it less by chance: many processes are to take turns. */
const INTERVAL_MS = 15_000;

/** Rows that one statement takes: it holds their locks for some milliseconds. */
const BATCH = 1_000;

/** A batch that takes longer is given up, in ms. */
const BATCH_TIMEOUT_MS = 2_000;

/**
 * Removes rows whose counters are all over. No timer: who counts is reminded of it. Any number of processes may do it
 * at once, since each leaves alone what another has in hand.
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

  /** Until nothing is left. A failure is no news: calls tell of an outage, and the next sweep does what this one did not. */
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
