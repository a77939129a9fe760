import {
  CreateTableCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  UpdateTimeToLiveCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { DeadlineExceededError } from '../../contracts/errors.js';
import { isUnknownOperation } from './dynamodb-errors.js';
import { pause } from './pause.js';
import { ATTRIBUTES } from './subject-item.js';

/** Time between two looks at a table that is being created, and longest time that it may take, in ms. */
const POLL_MS = 200;
const MAX_WAIT_MS = 120_000;

/**
 * Creates the table if it is missing, on demand capacity, and turns on its TTL. Safe when many processes do so at once:
 * each step first looks, and takes "somebody else does that already" for done.
 */
export async function ensureTable(client: DynamoDBClient, table: string, signal: AbortSignal): Promise<void> {
  const startedMs = performance.now();
  for (;;) {
    const status = await statusOf(client, table, signal);
    if (status === 'ACTIVE' || status === 'UPDATING') break;
    if (performance.now() - startedMs > MAX_WAIT_MS) throw DeadlineExceededError.of(MAX_WAIT_MS);
    if (status === undefined) await create(client, table, signal);
    else await pause(POLL_MS, signal);
  }
  await enableTtl(client, table, signal);
}

async function statusOf(client: DynamoDBClient, table: string, abortSignal: AbortSignal): Promise<string | undefined> {
  try {
    const { Table } = await client.send(new DescribeTableCommand({ TableName: table }), { abortSignal });
    return Table?.TableStatus;
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return undefined;
    throw error;
  }
}

async function create(client: DynamoDBClient, table: string, abortSignal: AbortSignal): Promise<void> {
  try {
    await client.send(
      new CreateTableCommand({
        TableName: table,
        AttributeDefinitions: [{ AttributeName: ATTRIBUTES.subject, AttributeType: 'S' }],
        KeySchema: [{ AttributeName: ATTRIBUTES.subject, KeyType: 'HASH' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
      { abortSignal },
    );
  } catch (error) {
    if (!isNamed(error, 'ResourceInUseException')) throw error;
    await pause(POLL_MS, abortSignal);
  }
}

async function enableTtl(client: DynamoDBClient, table: string, abortSignal: AbortSignal): Promise<void> {
  if (await hasTtl(client, table, abortSignal)) return;
  try {
    await client.send(
      new UpdateTimeToLiveCommand({
        TableName: table,
        TimeToLiveSpecification: { AttributeName: ATTRIBUTES.expiresAt, Enabled: true },
      }),
      { abortSignal },
    );
  } catch (error) {
    // Emulators know no TTL; and another process may have been faster.
    if (!isUnknownOperation(error) && !(await hasTtl(client, table, abortSignal))) throw error;
  }
}

async function hasTtl(client: DynamoDBClient, table: string, abortSignal: AbortSignal): Promise<boolean> {
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName: table }), {
    abortSignal,
  });
  const status = TimeToLiveDescription?.TimeToLiveStatus;
  return status === 'ENABLED' || status === 'ENABLING';
}

const isNamed = (error: unknown, name: string): boolean => (error as { readonly name?: unknown } | null)?.name === name;
