import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamodbBackend } from '../../../lib/backends/dynamodb/dynamodb.backend.js';
import type { Charge } from '../../../lib/contracts/backend.js';
import type { AlgorithmName, Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { spawnWorkers } from '../../support/child-process.js';
import { dynamoClient, DynamoServer } from '../../support/dynamo-server.js';
import type consume from './workers/consume.worker.js';
import type { ConsumeInput } from './workers/consume.worker.js';

const PROCESSES = 4;
const LIMIT = 150;
const HOUR_MS = 3_600_000;

/** So long that nothing rolls or refills while the test runs; its borders are years away from now. */
const WINDOW_MS = 366 * 24 * HOUR_MS;

const ALGORITHMS: readonly AlgorithmName[] = ['fixed-window', 'sliding-window', 'token-bucket', 'sliding-log'];

const quotaOf = (algorithm: AlgorithmName, limit: number): Policy =>
  testPolicy({ name: `quota-${limit}`, algorithm, limit, windowMs: WINDOW_MS });

const chargeOf = (key: string, policy: Policy): Charge => ({ key, policy, cost: 1 });

let server: DynamoServer;
let client: DynamoDBClient;

beforeAll(async () => {
  server = await DynamoServer.start({ createTableMs: 300 });
  client = dynamoClient(server.port);
});

afterAll(async () => {
  client.destroy();
  await server.stop();
});

/** Four processes at once, the clock of one an hour ahead. */
async function admitted(input: Omit<ConsumeInput, 'port'>): Promise<number> {
  const replies = await spawnWorkers<typeof consume>(
    PROCESSES,
    new URL('./workers/consume.worker.ts', import.meta.url),
    { ...input, port: server.port },
    { clockSkewMs: (index) => (index === 0 ? HOUR_MS : 0), timeoutMs: 28_000 },
  );
  return replies.reduce((sum, count) => sum + count, 0);
}

async function remaining(table: string, key: string, policy: Policy): Promise<number> {
  const backend = dynamodbBackend({ client, table });
  const { policies } = await backend.peek({ charges: [{ key, policy, cost: 0 }], timeoutMs: 5_000 });
  await backend.close();
  return policies[0]!.remaining;
}

describe('four processes with 100 calls each, on a limit of 150', () => {
  it.each(ALGORITHMS)('%s admits exactly 150', async (algorithm) => {
    const charges = [[chargeOf('user:42', quotaOf(algorithm, LIMIT))]];
    expect(await admitted({ table: `one-${algorithm}`, calls: 100, lanes: 5, charges })).toBe(LIMIT);
  });
});

describe('four processes that charge two keys in either order', () => {
  it('charges both or none', async () => {
    const [wide, narrow] = [quotaOf('sliding-window', 100), quotaOf('token-bucket', 40)];
    const both = [chargeOf('tenant:1', wide), chargeOf('user:1', narrow)];
    const table = 'crossing';
    const count = await admitted({ table, calls: 30, lanes: 5, charges: [both, [...both].reverse()] });
    expect(count).toBe(40);
    expect(await remaining(table, 'tenant:1', wide)).toBe(60);
    expect(await remaining(table, 'user:1', narrow)).toBe(0);
  });
});
