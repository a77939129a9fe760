import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import { postgresBackend } from '../../../lib/backends/postgres/postgres.backend.js';
import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import type { Backend, Charge } from '../../../lib/contracts/backend.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import type { WorkerContext } from '../../support/worker-protocol.js';

const KEY = 'user:42';
const HOLD_MS = 4;
const PAUSE_MS = 20;

export type SlotStore =
  | { readonly kind: 'postgres'; readonly url: string; readonly schema: string }
  | { readonly kind: 'redis'; readonly url: string };

export interface SlotsInput {
  readonly store: SlotStore;
  readonly policy: Policy;
  readonly callers: number;
}

/** When a slot was surely held: ms of the machine's monotonic clock, which all processes share. */
export type Held = readonly [fromMs: number, toMs: number];

/** So many callers at once, each of which asks until it has a slot, holds it for a moment and gives it back. */
export default async function hold(
  { store, policy, callers }: SlotsInput,
  context: WorkerContext,
): Promise<readonly Held[]> {
  const { backend, close } = backendOf(store);
  await context.barrier();
  const held = await Promise.all(Array.from({ length: callers }, () => holdOne(backend, policy)));
  await close();
  return held;
}

async function holdOne(backend: Backend, policy: Policy): Promise<Held> {
  const charges: readonly Charge[] = [{ key: KEY, policy, cost: 1, slot: randomInt(2 ** 47) }];
  while (!(await backend.consume({ charges, timeoutMs: 20_000 })).allowed) await delay(PAUSE_MS * Math.random());
  const fromMs = nowMs();
  await delay(HOLD_MS);
  const toMs = nowMs();
  await backend.refund({ charges, timeoutMs: 20_000 });
  return [fromMs, toMs];
}

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

function backendOf(store: SlotStore): { readonly backend: Backend; close(): Promise<unknown> } {
  switch (store.kind) {
    case 'postgres': {
      const pool = new pg.Pool({ connectionString: store.url, max: 5 });
      return { backend: postgresBackend({ pool, schema: store.schema }), close: () => pool.end() };
    }
    case 'redis': {
      const client = new Redis(store.url);
      return { backend: redisBackend({ client }), close: () => client.quit() };
    }
  }
}
