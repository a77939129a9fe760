import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type Backend, BackendService, RateLimitModule, RateLimitPolicies } from 'nestjs-floodgate';
import { dynamodbBackend } from 'nestjs-floodgate/dynamodb';
import { redisBackend, redisPolicyStore } from 'nestjs-floodgate/redis';
import { dynamoClient, DynamoServer } from '../support/dynamo-server.js';
import { eventually } from '../support/eventually.js';
import { RedisServer } from '../support/redis-server.js';

let redis: RedisServer;
let dynamo: DynamoServer;
let client: DynamoDBClient;
let tests = 0;
const started: INestApplicationContext[] = [];

beforeAll(async () => {
  [redis, dynamo] = await Promise.all([RedisServer.start(), DynamoServer.start()]);
  client = dynamoClient(dynamo.port);
});

beforeEach(() => (tests += 1));

afterEach(async () => {
  await Promise.all(started.splice(0).map((app) => app.close()));
});

afterAll(async () => {
  client.destroy();
  await Promise.all([redis.stop(), dynamo.stop()]);
});

const backends: readonly (readonly [string, () => Backend])[] = [
  ['Redis', () => redisBackend({ url: redis.url, keyPrefix: `counters-${tests}:` })],
  ['DynamoDB', () => dynamodbBackend({ client, table: `counters-${tests}`, createTable: true })],
];

/** An application of its own, as in a process of its own: it shares the counters and the policy store alone. */
async function join(backend: Backend) {
  const app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        backend,
        policies: { api: { rate: '10/h', algorithm: 'fixed-window' } },
        policyStore: redisPolicyStore({ url: redis.url, keyPrefix: `policies-${tests}:` }),
        timeout: '20s',
      }),
    ],
  }).compile();
  await app.init();
  started.push(app);
  return { policies: app.get(RateLimitPolicies), service: app.get(BackendService) };
}

describe.each(backends)('counters on %s after a change of their policy', (_name, backendOf) => {
  it('keep the share that was used, which several processes carry over once', async () => {
    const processes = await Promise.all([1, 2, 3].map(() => join(backendOf())));
    const [one] = processes;
    const left = async (key: string): Promise<unknown> => (await one!.service.peek(key, 'api')).policies[0]!.remaining;
    const keys = ['user:1', 'user:2', 'user:3', 'user:4'];
    for (const key of keys) await one!.service.consume(key, 'api', { cost: 3 });
    await one!.policies.set('api', '40/h', { carryOver: 'proportional' });
    await eventually(() => processes.every(({ policies }) => policies.list()[0]?.limit === 40), { timeoutMs: 20_000 });
    await Promise.all(keys.flatMap((key) => processes.map(({ service }) => service.consume(key, 'api'))));
    // 3 of 10 are 12 of 40, and each process has made one call.
    for (const key of keys) expect([key, await left(key)]).toEqual([key, 25]);
    expect(await left('user:5')).toBe(40);
  });

  it('begin anew with carryOver reset, in every process', async () => {
    const [one, other] = [await join(backendOf()), await join(backendOf())];
    expect((await one.service.consume('user:1', 'api', { cost: 10 })).allowed).toBe(true);
    await one.policies.set('api', '12/h', { carryOver: 'reset' });
    await eventually(() => other.policies.list()[0]?.limit === 12, { timeoutMs: 20_000 });
    expect((await other.service.consume('user:1', 'api', { cost: 5 })).policies[0]?.remaining).toBe(7);
    expect((await one.service.consume('user:1', 'api')).policies[0]?.remaining).toBe(6);
  });
});
