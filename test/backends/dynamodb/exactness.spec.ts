import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamodbBackend } from '../../../lib/backends/dynamodb/dynamodb.backend.js';
import type { Charge } from '../../../lib/contracts/backend.js';
import { COUNTING_ALGORITHMS, type AlgorithmName, type Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { spawnWorkers } from '../../support/child-process.js';
import { dynamoClient, DynamoServer } from '../../support/dynamo-server.js';
import type consume from './workers/consume.worker.js';
import type { ConsumeInput } from './workers/consume.worker.js';

const PROCESSES = 4;
const LIMIT = 150;
const HOUR_MS = 3_600_000;

/** Longest time that the processes may take, ms. */

/** So long that nothing rolls or refills while the test runs; its borders are years away from now. */
const WINDOW_MS = 366 * 24 * HOUR_MS;

const ALGORITHMS = COUNTING_ALGORITHMS;

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

/** Four processes at once, the clock of one an hour ahead, do one round after the other. Answers the sum of each. */
async function admitted(rounds: ConsumeInput['rounds']): Promise<readonly number[]> {
  const replies = await spawnWorkers<typeof consume>(
    PROCESSES,
    new URL('./workers/consume.worker.ts', import.meta.url),
    { rounds, port: server.port, lanes: 5 },
    { clockSkewMs: (index) => (index === 0 ? HOUR_MS : 0) },
  );
  return rounds.map((_, round) => replies.reduce((sum, counts) => sum + counts[round]!, 0));
}

async function remaining(table: string, { key, policy }: Charge): Promise<number> {
  const backend = dynamodbBackend({ client, table });
  const { policies } = await backend.peek({ charges: [{ key, policy, cost: 0 }], timeoutMs: 20_000 });
  await backend.close();
  return policies[0]!.remaining;
}

describe('four processes that begin at the same time without a table', () => {
  it('admit exactly 150 of 400 calls by every algorithm, and charge two keys in either order both or not at all', async () => {
    const alone = ALGORITHMS.map((algorithm) => ({
      table: `one-${algorithm}`,
      calls: 100,
      charges: [[chargeOf('user:42', quotaOf(algorithm, LIMIT))]],
    }));
    const wide = chargeOf('tenant:1', quotaOf('sliding-window', 100));
    const narrow = chargeOf('user:1', quotaOf('token-bucket', 40));
    const crossing = {
      table: 'crossing',
      calls: 30,
      charges: [
        [wide, narrow],
        [narrow, wide],
      ],
    };
    expect(await admitted([...alone, crossing])).toEqual([...ALGORITHMS.map(() => LIMIT), 40]);
    expect(await remaining('crossing', wide)).toBe(60);
    expect(await remaining('crossing', narrow)).toBe(0);
    expect([...server.ttl.values()]).toEqual(Array(ALGORITHMS.length + 1).fill('expiresAt'));
  });
});
