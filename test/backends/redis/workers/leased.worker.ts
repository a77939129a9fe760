import { NestFactory } from '@nestjs/core';
import { Cluster } from 'ioredis';
import { BackendService, RateLimitModule } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import type { WorkerContext } from '../../../support/worker-protocol.js';

export interface LeasedInput {
  /** One of them is a single server; several are a Cluster's. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly calls: number;
  /** Calls that are made at once. */
  readonly atOnce: number;
  readonly lease: true | { readonly size: number };
  /** How it ends. Default: as an application does that is shut down. */
  readonly end?: 'killed';
}

/**
 * Calls under a limit of 150 with leases, together with the other workers. The borders of the window are years away.
 *
 * @returns calls that were admitted
 */
export default async function leased(
  { nodes, calls, atOnce, lease, end }: LeasedInput,
  context: WorkerContext,
): Promise<number> {
  const [{ host, port }] = nodes as [LeasedInput['nodes'][number]];
  const client = nodes.length === 1 ? undefined : new Cluster([...nodes]);
  const backend = redisBackend(client === undefined ? { url: `redis://${host}:${port}` } : { client });
  const policies = { global: { limit: 150, window: '366d', algorithm: 'fixed-window' as const, lease } };
  const module = RateLimitModule.forRoot({ backend, policies, timeout: '10s' });
  const app = await NestFactory.createApplicationContext(module, { logger: false });
  const limiter = app.get(BackendService).limiter('global');
  await context.barrier();
  let admitted = 0;
  for (let made = 0; made < calls; made += atOnce) {
    const decisions = await Promise.all(Array.from({ length: atOnce }, () => limiter.consume('everybody')));
    admitted += decisions.filter(({ allowed }) => allowed).length;
  }
  if (end === 'killed') {
    context.send(admitted);
    // What it has sent has to leave first.
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.kill(process.pid, 'SIGKILL');
  }
  await app.close();
  client?.disconnect();
  return admitted;
}
