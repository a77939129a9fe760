import pg from 'pg';
import { dynamodbBackend } from '../../lib/backends/dynamodb/dynamodb.backend.js';
import { postgresBackend } from '../../lib/backends/postgres/postgres.backend.js';
import type { Backend } from '../../lib/contracts/backend.js';
import { GuardedBackend } from '../../lib/limiter/guarded-backend.js';
import { testPolicy } from '../../lib/testing/test-policy.js';
import { dynamoClient, DynamoServer } from '../support/dynamo-server.js';
import { PostgresServer } from '../support/postgres-server.js';

/** Its borders are years away. */
const policy = testPolicy({ algorithm: 'fixed-window', limit: 150, windowMs: 366 * 86_400_000, lease: 20 });
const request = { charges: [{ key: 'everybody', policy, cost: 1 }], timeoutMs: 10_000 };

/** Calls that are admitted, of so many; ten at once. */
async function admitted(guard: GuardedBackend, calls: number): Promise<number> {
  let sum = 0;
  for (let made = 0; made < calls; made += 10) {
    const replies = await Promise.all(Array.from({ length: 10 }, async () => guard.consume(request)));
    sum += replies.filter(({ allowed }) => allowed).length;
  }
  return sum;
}

async function expectExact(make: () => Backend): Promise<void> {
  const first = make();
  await first.ping(AbortSignal.timeout(20_000));
  const guards = [first, make(), make()].map((backend) => new GuardedBackend(backend));
  const sums = await Promise.all(guards.map((guard) => admitted(guard, 80)));
  const sum = sums.reduce((total, one) => total + one, 0);
  expect(sum).toBeLessThanOrEqual(150);
  for (const guard of guards) await guard.close();
  const lone = new GuardedBackend(make());
  expect(sum + (await admitted(lone, 150))).toBe(150);
  await lone.reset(request);
  expect(await admitted(lone, 200)).toBe(150);
  await lone.close();
}

it('on PostgreSQL, processes with leases admit what the limit is, and a lone one gets the rest', async () => {
  await using server = await PostgresServer.start();
  const pool = new pg.Pool({ connectionString: server.url });
  await expectExact(() => postgresBackend({ pool, migrate: true }));
  await pool.end();
});

it('on DynamoDB, processes with leases admit what the limit is, and a lone one gets the rest', async () => {
  const server = await DynamoServer.start();
  const client = dynamoClient(server.port);
  try {
    await expectExact(() => dynamodbBackend({ client, table: 'limits', createTable: true }));
  } finally {
    client.destroy();
    await server.stop();
  }
});
