import pg from 'pg';
import type { Charge } from '../../../../lib/contracts/backend.js';
import { postgresBackend } from '../../../../lib/backends/postgres/postgres.backend.js';
import type { WorkerContext } from '../../../support/worker-protocol.js';

export interface ConsumeInput {
  readonly connectionString: string;
  /** What the pool's sessions begin with, such as `-c default_transaction_isolation=serializable`. */
  readonly options?: string;
  readonly schema: string;
  readonly calls: number;
  /** One of them for each call, in turn. */
  readonly charges: readonly (readonly Charge[])[];
}

/** Consumes as fast as it can, together with the other workers. Answers how many calls were admitted. */
export default async function consume(
  { connectionString, options, schema, calls, charges }: ConsumeInput,
  context: WorkerContext,
): Promise<number> {
  const pool = new pg.Pool({ connectionString, max: 5, ...(options === undefined ? {} : { options }) });
  const backend = postgresBackend({ pool, schema });
  // All workers find an empty database: one sets it up.
  await context.barrier();
  let admitted = 0;
  await Promise.all(
    Array.from({ length: calls }, async (_, call) => {
      const request = { charges: charges[(call + context.index) % charges.length]!, timeoutMs: 20_000 };
      if ((await backend.consume(request)).allowed) admitted += 1;
    }),
  );
  await pool.end();
  return admitted;
}
