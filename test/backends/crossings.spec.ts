import { Redis } from 'ioredis';
import { dynamodbBackend } from '../../lib/backends/dynamodb/dynamodb.backend.js';
import { memoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { redisBackend } from '../../lib/backends/redis/redis.backend.js';
import type { Backend } from '../../lib/contracts/backend.js';
import { dynamoClient, DynamoServer } from '../support/dynamo-server.js';
import { RedisServer } from '../support/redis-server.js';
import { crossings } from './crossings.js';

interface Store {
  readonly backend: Backend;
  stop(): Promise<unknown>;
}

/** PostgreSQL has its own, which asks the server for its deadlocks, too. */
const STORES: readonly (readonly [name: string, decisions: number, callers: number, start: () => Promise<Store>])[] = [
  ['memory', 10_000, 16, async () => ({ backend: memoryBackend(), stop: async () => undefined })],
  ['Redis', 10_000, 16, startRedis],
  // Each decision meets others on the same items and is made again. More of them by `npm run prove:dynamodb`.
  ['DynamoDB', Number(process.env['CROSSINGS'] ?? 200), 4, startDynamo],
];

async function startRedis(): Promise<Store> {
  const server = await RedisServer.start();
  const client = new Redis(server.url);
  const stop = async (): Promise<void> => {
    client.disconnect();
    await server.stop();
  };
  return { backend: redisBackend({ client }), stop };
}

async function startDynamo(): Promise<Store> {
  const server = await DynamoServer.start();
  const client = dynamoClient(server.port);
  const stop = async (): Promise<void> => {
    client.destroy();
    await server.stop();
  };
  return { backend: dynamodbBackend({ client, table: 'crossings', createTable: true }), stop };
}

describe('decisions over keys that cross', () => {
  it.each(STORES)(
    'charge all or none in %s, of %d none fails',
    async (_name, decisions, callers, start) => {
      const { backend, stop } = await start();
      try {
        const { failures, sums, allowed } = await crossings(backend, { decisions, callers });
        expect(failures).toEqual([]);
        expect(sums).toEqual(allowed);
        expect(Math.max(...allowed)).toBeGreaterThan(0);
      } finally {
        await backend.close();
        await stop();
      }
    },
    1_800_000,
  );
});
