import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamodbBackend } from '../../../lib/backends/dynamodb/dynamodb.backend.js';
import type { Charge } from '../../../lib/contracts/backend.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { dynamoClient, DynamoServer } from '../../support/dynamo-server.js';

const table = 'limits';
const policy = testPolicy({ algorithm: 'token-bucket', limit: 1_000_000, windowMs: 86_400_000 });
const charges: readonly Charge[] = [{ key: 'global', policy, cost: 1 }];

let server: DynamoServer;
let clients: readonly DynamoDBClient[];

beforeAll(async () => {
  server = await DynamoServer.start();
  clients = [dynamoClient(server.port), dynamoClient(server.port)];
});

afterAll(async () => {
  clients.forEach((client) => client.destroy());
  await server.stop();
});

it('a process that wants a key now and then is served beside one that always wants it', async () => {
  const [busy, calm] = clients.map((client) => dynamodbBackend({ client, table, createTable: true }));
  for (const one of [busy, calm]) await one!.ping(AbortSignal.timeout(20_000));
  let done = false;
  const lanes = Array.from({ length: 20 }, async () => {
    while (!done) await busy!.consume({ charges, timeoutMs: 20_000 });
  });
  try {
    for (let call = 0; call < 10; call += 1) {
      expect((await calm!.consume({ charges, timeoutMs: 10_000 })).allowed).toBe(true);
    }
  } finally {
    done = true;
    await Promise.all(lanes);
  }
  await busy!.close();
  await calm!.close();
});
