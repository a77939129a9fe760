import { setTimeout as after } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import pg from 'pg';
import { dynamodbBackend } from '../../../lib/backends/dynamodb/index.js';
import { postgresBackend } from '../../../lib/backends/postgres/index.js';
import { redisBackend, redisPolicyStore } from '../../../lib/backends/redis/index.js';
import { type Backend, BackendService, RateLimitModule, RateLimitPolicies } from '../../../lib/index.js';
import { dynamoClient } from '../../support/dynamo-server.js';
import type { WorkerContext } from '../../support/worker-protocol.js';

/** Where the counters are. */
export type CounterStore =
  | { readonly kind: 'redis'; readonly url: string; readonly keyPrefix: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly schema: string }
  | { readonly kind: 'dynamodb'; readonly port: number; readonly table: string };

export interface CarryOverInput {
  readonly counters: CounterStore;
  /** Where the policies are. */
  readonly policies: { readonly url: string; readonly keyPrefix: string };
  /** The limit to wait for. */
  readonly limit: number;
  readonly keys: readonly string[];
}

/** Takes up a change of a policy, and then calls once for each key at the same time as the others. Answers who passed. */
export default async function carryOver(
  { counters, policies, limit, keys }: CarryOverInput,
  { barrier, send }: WorkerContext,
): Promise<readonly boolean[]> {
  const { backend, close } = countersOf(counters);
  @Module({ imports: [limitsOf(backend, policies)] })
  class CarryOverModule {}
  const app = await NestFactory.createApplicationContext(CarryOverModule, { logger: false });
  send('joined');
  while (app.get(RateLimitPolicies).list()[0]?.limit !== limit) await after(10);
  const service = app.get(BackendService);
  await barrier();
  const passed = await Promise.all(keys.map(async (key) => (await service.consume(key, 'api')).allowed));
  await app.close();
  await close();
  return passed;
}

/** What all processes agree on before the change. */
export const limitsOf = (backend: Backend, policies: CarryOverInput['policies']) =>
  RateLimitModule.forRoot({
    backend,
    policies: { api: { rate: '10/h', algorithm: 'fixed-window' } },
    policyStore: redisPolicyStore(policies),
    timeout: '20s',
  });

/** A backend of a process of its own, and what closes its client. */
export function countersOf(store: CounterStore): { readonly backend: Backend; close(): Promise<void> } {
  switch (store.kind) {
    case 'redis':
      return {
        backend: redisBackend({ url: store.url, keyPrefix: store.keyPrefix }),
        close: () => Promise.resolve(),
      };
    case 'postgres': {
      const pool = new pg.Pool({ connectionString: store.url, max: 5 });
      return { backend: postgresBackend({ pool, schema: store.schema }), close: () => pool.end() };
    }
    case 'dynamodb': {
      const client = dynamoClient(store.port);
      const backend = dynamodbBackend({ client, table: store.table, createTable: true });
      return { backend, close: () => Promise.resolve(client.destroy()) };
    }
  }
}
