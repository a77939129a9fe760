import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamodbBackend, dynamodbBackend } from '../../lib/backends/dynamodb/dynamodb.backend.js';
import { describeConformance } from '../../lib/testing/conformance.js';
import { dynamoClient, DynamoServer } from '../support/dynamo-server.js';
import { manualClock } from '../support/manual-clock.js';

const clock = manualClock();
const table = 'limits';
let server: DynamoServer;
let client: DynamoDBClient;
let plainClient: DynamoDBClient;

beforeAll(async () => {
  server = await DynamoServer.start();
  client = dynamoClient(server.port);
  plainClient = dynamoClient(server.plainPort);
});

afterAll(async () => {
  client.destroy();
  plainClient.destroy();
  await server.stop();
});

const runner = { describe, it };

describeConformance(runner, {
  name: "DynamoDB by the process's clock",
  create: () => dynamodbBackend({ client, table, createTable: true }),
});

describeConformance(runner, {
  name: 'an emulator of DynamoDB without transactions, on a set clock',
  clock,
  create: () => new DynamodbBackend({ client: plainClient, table, createTable: true }, clock),
});
