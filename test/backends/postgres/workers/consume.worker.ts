import pg from 'pg';
import type { Charge } from '../../../../lib/contracts/backend.js';
import { postgresBackend } from '../../../../lib/backends/postgres/postgres.backend.js';
import type { WorkerContext } from '../../../support/worker-protocol.js';

export interface ConsumeInput {
  readonly connectionString: string;
  /** Calls of each round. They are made at once. */
  readonly calls: number;
  readonly rounds: readonly {
    readonly schema: string;
    /** What the pool's sessions begin with, such as `-c default_transaction_isolation=serializable`. */
    readonly options?: string;
    /** What each call charges. */
    readonly charges: readonly Charge[];
  }[];
}

/** Consumes as fast as it can, together with the other workers. Answers how many calls of each round were admitted. */
export default async function consume(
  { connectionString, calls, rounds }: ConsumeInput,
  context: WorkerContext,
): Promise<readonly number[]> {
  const counts: number[] = [];
  for (const { schema, options, charges } of rounds) {
    const pool = new pg.Pool({ connectionString, max: 5, ...(options === undefined ? {} : { options }) });
    const backend = postgresBackend({ pool, schema });
    // All workers find no schema: one sets it up.
    await context.barrier();
    const decisions = Array.from({ length: calls }, () => backend.consume({ charges, timeoutMs: 20_000 }));
    counts.push((await Promise.all(decisions)).filter(({ allowed }) => allowed).length);
    await pool.end();
  }
  return counts;
}
