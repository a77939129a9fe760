import type { Charge } from '../../../../lib/contracts/backend.js';
import { dynamodbBackend } from '../../../../lib/backends/dynamodb/dynamodb.backend.js';
import { dynamoClient } from '../../../support/dynamo-server.js';
import type { WorkerContext } from '../../../support/worker-protocol.js';

export interface ConsumeInput {
  readonly port: number;
  /** Calls that are made at once. */
  readonly lanes: number;
  readonly rounds: readonly {
    readonly table: string;
    /** Calls of this process. */
    readonly calls: number;
    /** The call of each number charges those at its number modulo their count. */
    readonly charges: readonly (readonly Charge[])[];
  }[];
}

/** Consumes as fast as it can, together with the other workers. Answers how many calls of each round were admitted. */
export default async function consume(
  { port, lanes, rounds }: ConsumeInput,
  context: WorkerContext,
): Promise<readonly number[]> {
  const client = dynamoClient(port);
  const counts: number[] = [];
  for (const { table, calls, charges } of rounds) {
    const backend = dynamodbBackend({ client, table, createTable: true });
    await context.barrier();
    let admitted = 0;
    let call = 0;
    const lane = async (): Promise<void> => {
      while (call < calls) {
        const of = charges[call++ % charges.length]!;
        const { allowed } = await backend.consume({ charges: of, timeoutMs: 60_000 });
        if (allowed) admitted += 1;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    await backend.close();
    counts.push(admitted);
  }
  client.destroy();
  return counts;
}
