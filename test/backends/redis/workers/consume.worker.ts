import { Cluster, Redis } from 'ioredis';
import type { Charge } from '../../../../lib/contracts/backend.js';
import { redisBackend } from '../../../../lib/backends/redis/redis.backend.js';
import type { WorkerContext } from '../../../support/worker-protocol.js';

export interface ConsumeInput {
  /** One of them is a single server; several are a Cluster's. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** Calls of each round. They are made at once. */
  readonly calls: number;
  /** What each call of a round charges. */
  readonly rounds: readonly (readonly Charge[])[];
  /** Whether this worker makes the servers forget their scripts in the middle of each round. */
  readonly flushes: boolean;
}

/** Consumes as fast as it can, together with the other workers. Answers how many calls of each round were admitted. */
export default async function consume(
  { nodes, calls, rounds, flushes }: ConsumeInput,
  context: WorkerContext,
): Promise<readonly number[]> {
  const client = nodes.length === 1 ? new Redis(nodes[0]!) : new Cluster([...nodes]);
  const backend = redisBackend({ client });
  await backend.ping(AbortSignal.timeout(5_000));
  const counts: number[] = [];
  for (const charges of rounds) {
    await context.barrier();
    const decisions = Array.from({ length: calls }, async (_, call) => {
      if (flushes && call === calls / 2) await flushScripts(client);
      return backend.consume({ charges, timeoutMs: 10_000 });
    });
    counts.push((await Promise.all(decisions)).filter(({ allowed }) => allowed).length);
  }
  client.disconnect();
  return counts;
}

async function flushScripts(client: Redis | Cluster): Promise<void> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  await Promise.all(servers.map((server) => server.script('FLUSH')));
}
