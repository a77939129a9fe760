import { Cluster, Redis } from 'ioredis';
import type { Charge } from '../../../../lib/contracts/backend.js';
import { redisBackend } from '../../../../lib/backends/redis/redis.backend.js';
import type { WorkerContext } from '../../../support/worker-protocol.js';

export interface ConsumeInput {
  /** One of them is a single server; several are a Cluster's. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** Calls that are made at once, each of these charges. */
  readonly calls: number;
  readonly charges: readonly Charge[];
  /** Whether this worker makes the servers forget their scripts in the middle of it. */
  readonly flushes: boolean;
}

/** Consumes as fast as it can, together with the other workers. Answers how many calls were admitted. */
export default async function consume(
  { nodes, calls, charges, flushes }: ConsumeInput,
  context: WorkerContext,
): Promise<number> {
  const client = nodes.length === 1 ? new Redis(nodes[0]!) : new Cluster([...nodes]);
  const backend = redisBackend({ client });
  await backend.ping(AbortSignal.timeout(5_000));
  await context.barrier();
  let admitted = 0;
  await Promise.all(
    Array.from({ length: calls }, async (_, call) => {
      if (flushes && call === calls / 2) await flushScripts(client);
      const { allowed } = await backend.consume({ charges, timeoutMs: 10_000 });
      if (allowed) admitted += 1;
    }),
  );
  client.disconnect();
  return admitted;
}

async function flushScripts(client: Redis | Cluster): Promise<void> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  await Promise.all(servers.map((server) => server.script('FLUSH')));
}
