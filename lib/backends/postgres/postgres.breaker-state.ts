import {
  HINT_GRACE_MS,
  KEPT_MS,
  type BreakerStateStore,
  type CircuitReport,
  type PeersProbe,
  type PeersReport,
  type ProbeRefusal,
} from '../../contracts/breaker-state.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { aQuorum, onlyKnown } from '../../policies/option-checks.js';
import { PolledBreakerState, type Exchange, type StateTable } from '../polled.breaker-state.js';
import { BREAKER_MIGRATION, breakerStatements, type BreakerStatements } from './breaker-state.sql.js';
import { onConnection, Patience } from './patient-query.js';
import { poolSourceOf, type PoolSource } from './pool-source.js';
import { statement, type PostgresConnection } from './postgres-client.js';
import { isForbidden, isMissing } from './sql-state.js';

/** Options of `postgresBreakerState()`. */
export type PostgresBreakerStateOptions = PostgresConnection & {
  /**
   * The number of other processes with an open circuit that opens the circuit here: a whole number of at least 1.
   * Default: never; each circuit opens after its own failures.
   */
  readonly quorum?: number;
  /** Schema of its two tables, `floodgate_breakers` and `floodgate_probes`. Default `public`. */
  readonly schema?: string;
};

/** Deadline of one statement, in ms. */
const TIMEOUT_MS = 900;

/** A process that has sent nothing for this time has ended, in ms: six exchanges. */
const SILENT_MS = 3_000;

/**
 * Shares open circuits between all processes of a fleet in PostgreSQL, and keeps them across restarts. It creates its
 * two tables if they are missing.
 *
 * @throws RateLimitConfigurationError unless exactly one of `pool` and `connectionString` is given, or for a wrong option
 * @example
 * RateLimitModule.forRoot({ breakerState: postgresBreakerState({ connectionString: process.env.DATABASE_URL }) })
 */
export function postgresBreakerState(options: PostgresBreakerStateOptions): BreakerStateStore {
  onlyKnown('postgresBreakerState', options, ['pool', 'connectionString', 'quorum', 'schema']);
  const { quorum, schema = 'public' } = options;
  aQuorum('postgresBreakerState.quorum', quorum);
  const source = poolSourceOf('postgresBreakerState', options);
  const table = new PostgresStateTable(source, breakerStatements('postgresBreakerState', schema));
  return new PolledBreakerState('postgres', quorum, table);
}

class PostgresStateTable implements StateTable {
  constructor(
    private readonly source: PoolSource,
    private readonly sql: BreakerStatements,
  ) {}

  async exchange(id: string, reports: readonly CircuitReport[], starts: boolean): Promise<Exchange> {
    this.source.open();
    const peers = await this.run(this.sql.exchange, [id, JSON.stringify(reports), HINT_GRACE_MS, KEPT_MS]);
    const resumed = starts ? await this.run(this.sql.resume, [id, SILENT_MS, KEPT_MS]) : [];
    return { peers: peers as PeersReport[], resumed: resumed as CircuitReport[] };
  }

  async claim(id: string, circuit: string, forMs: number): Promise<ProbeRefusal> {
    const [refusal] = await this.run(this.sql.claim, [id, circuit, forMs]);
    return refusal as ProbeRefusal;
  }

  async settle(id: string, circuit: string, keep: PeersProbe | undefined): Promise<void> {
    await this.run(this.sql.settle, [id, circuit, keep?.forMs ?? 0, keep?.step ?? 0]);
  }

  async leave(id: string): Promise<void> {
    await this.run(this.sql.leave, [id]);
  }

  close(): Promise<void> {
    return this.source.close();
  }

  /** Each statement answers rows of one column: JSON. */
  private async run(text: string, values: unknown[]): Promise<unknown[]> {
    try {
      return await this.attempt(text, values);
    } catch (error) {
      if (isForbidden(error)) throw mended(error, `Run as the owner of the tables: ${this.sql.grants}`);
      if (!isMissing(error)) throw error;
      await this.migrate();
      return this.attempt(text, values);
    }
  }

  private async attempt(text: string, values: unknown[]): Promise<unknown[]> {
    const { rows } = await onConnection(this.source, new Patience(TIMEOUT_MS), (client) =>
      client.query(statement(text, values.map(String))),
    );
    return rows.map(([json]) => JSON.parse(String(json)) as unknown);
  }

  private async migrate(): Promise<void> {
    await onConnection(this.source, new Patience(TIMEOUT_MS), async (client) => {
      await client.query(statement('BEGIN'));
      try {
        await client.query(statement(BREAKER_MIGRATION));
        for (const sql of this.sql.migrations) await client.query(statement(sql));
        await client.query(statement('COMMIT'));
      } catch (error) {
        await client.query(statement('ROLLBACK')).catch(() => undefined);
        if (!isForbidden(error)) throw error;
        const { grantsToCreate } = this.sql;
        throw mended(error, `This role may not make the two tables. Run as the owner of the schema: ${grantsToCreate}`);
      }
    });
  }
}

const mended = (error: unknown, mend: string): RateLimitConfigurationError =>
  new RateLimitConfigurationError('postgresBreakerState', (error as Error).message, mend);
